package survive

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/internal/report"
)

// mostNames is how many nodes of a row are named unless all are asked for.
const mostNames = 3

// Write writes the answer for people. Wide names all nodes and the losses that are survived.
func Write(w io.Writer, a *Answer, wide bool) error {
	var t strings.Builder
	fmt.Fprintf(&t, "%d of %s survived.\n", a.SurvivedNow, are(len(a.Losses)))
	for _, block := range blocks(a.Losses) {
		fmt.Fprintf(&t, "\n%s: %s\n", block.title(wide), block.verdict)
		for _, f := range block.failures {
			fmt.Fprintf(&t, "  %s\n", f.Workload)
			for _, why := range f.Why {
				fmt.Fprintf(&t, "    why:     %s\n", why)
			}
			for i, change := range f.Changes {
				head := "change:"
				if i > 0 {
					head = "and:   "
				}
				fmt.Fprintf(&t, "    %s  %s\n", head, change.Text)
			}
			if f.Missing != "" {
				fmt.Fprintf(&t, "    missing: %s\n", f.Missing)
			}
		}
	}
	if wide {
		for i := range a.Losses {
			if a.Losses[i].Survived() {
				fmt.Fprintf(&t, "\n%s: survived\n", &a.Losses[i].Loss)
			}
		}
	}
	if len(a.Changed) > 0 {
		fmt.Fprintf(&t, "\nWith all changes together, %d of %s survived:\n", a.SurvivedAfter, are(len(a.Losses)))
		for _, changed := range a.Changed {
			for _, change := range changed.Changes {
				fmt.Fprintf(&t, "  %s: %s\n", changed.Workload, change.Text)
			}
		}
	}
	if a.Simulated != "" {
		fmt.Fprintf(&t, "\nScheduling is %s.\n", a.Simulated)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

func are(losses int) string {
	if losses == 1 {
		return "1 loss is"
	}
	return fmt.Sprintf("%d losses are", losses)
}

// block is losses of one kind that are not survived for the same reasons.
type block struct {
	losses   []*Loss
	failures []*Failure
	verdict  string
	key      string
}

// blocks groups the losses that are not survived: nodes are often alike.
func blocks(results []Result) []*block {
	var all []*block
	for i := range results {
		r := &results[i]
		if r.Survived() {
			continue
		}
		key := string(r.Kind)
		for _, f := range r.Failures {
			key += "\n" + f.Workload + "\n" + strings.Join(f.Why, "\n") + "\n" + f.Missing
			for _, change := range f.Changes {
				key += "\n" + change.Text
			}
		}
		j := slices.IndexFunc(all, func(b *block) bool { return b.key == key })
		if j < 0 {
			j = len(all)
			verdict := "not survived"
			if r.Unknown() {
				verdict = "unknown"
			}
			all = append(all, &block{failures: r.Failures, verdict: verdict, key: key})
		}
		all[j].losses = append(all[j].losses, &r.Loss)
	}
	return all
}

func (b *block) title(wide bool) string {
	if len(b.losses) > 1 {
		var names []string
		for _, loss := range b.losses {
			names = append(names, loss.Name)
		}
		return fmt.Sprintf("each of %s (%s)", report.Count(len(names), string(b.losses[0].Kind)), listed(names, wide))
	}
	loss := b.losses[0]
	if loss.Kind == Node {
		return loss.String()
	}
	return fmt.Sprintf("%s (%s)", loss, listed(loss.Nodes, wide))
}

// listed joins names, of which the first are enough unless the format is wide.
func listed(names []string, wide bool) string {
	if wide {
		return strings.Join(names, ", ")
	}
	return report.Names(names, mostNames)
}
