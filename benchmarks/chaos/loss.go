package chaos

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/stowage-k8s/stowage/chaos/assess"
)

// readyPatience is how long nodes may take to be Ready again once they are put back.
const readyPatience = time.Minute

// zoneLoss loses a zone of three, as by an outage.
func zoneLoss(t *trial) ([]measured, error) {
	return t.lose("zone-loss", 0, "zone", "--kind", "down", "--recovery-timeout", seconds(t.size.Recovery))
}

// spotStorm takes back 30 % of the preemptible nodes. Nodes that came back from one storm
// are empty, so that another has to draw with another seed.
func spotStorm(kind string, run int) func(*trial) ([]measured, error) {
	return func(t *trial) ([]measured, error) {
		return t.lose("spot-storm-"+kind, run, "spot", "--percent", "30", "--kind", kind, "--notice", seconds(t.size.Notice), "--recovery-timeout", seconds(t.size.Recovery))
	}
}

func seconds(n int) string { return strconv.Itoa(n) + "s" }

// lose has the tool take nodes away, and says how right its prediction was and what it has
// left behind.
func (t *trial) lose(name string, run int, args ...string) ([]measured, error) {
	before, err := t.nodes()
	if err != nil {
		return nil, err
	}
	t.watcher.begin()
	out, err := t.tool(name).run(append(args, "--seed", t.seed(run), "--no-dry-run", "-o", "json")...)
	if err != nil {
		return nil, err
	}
	t.opts.Timelines(timelines(fmt.Sprintf("%s/%d", name, len(before)), out.journal))
	left, err := t.leftovers(before)
	if err != nil {
		return nil, err
	}
	t.notes(left)
	notReady := t.awaitNodes()
	if notReady == 0 {
		if err := t.settle(t.show); err != nil {
			return nil, err
		}
	}
	list := []measured{count("nodes_lost", len(nodesOf(out))), count("leftovers", len(left)), count("nodes_not_ready", notReady)}
	predicted, err := t.predicted(out)
	if err != nil {
		return nil, err
	}
	return append(append(list, predicted...), t.told([]*output{out})...), nil
}

func nodesOf(out *output) []string {
	var nodes []string
	for _, choice := range out.journal.Choices {
		nodes = append(nodes, choice.What.Nodes...)
	}
	return nodes
}

// mostNotes is how many findings of a kind are told one by one.
const mostNotes = 5

func (t *trial) notes(lines []string) {
	for _, line := range lines[:min(len(lines), mostNotes)] {
		t.opts.Note(line)
	}
	if len(lines) > mostNotes {
		t.opts.Note(fmt.Sprintf("and %d more", len(lines)-mostNotes))
	}
}

// predicted holds the prediction of a run against what the watcher saw until the nodes came
// back.
func (t *trial) predicted(out *output) ([]measured, error) {
	if len(out.journal.Predictions) != 1 {
		return nil, fmt.Errorf("the journal has %d predictions, and not one", len(out.journal.Predictions))
	}
	prediction := out.journal.Predictions[0].What
	s := t.watcher.result()
	accuracy := assess.Compare(&prediction, s.reality())
	t.notes(accuracy.Wrong)
	percent, _ := accuracy.Percent()
	actual := 0
	for _, standing := range s.returned {
		actual += standing.waiting
	}
	list := []measured{
		count("pods_lost", len(s.gone)), {"prediction_accuracy_pct", percent},
		count("predicted_pending", prediction.Count(assess.Pending)), count("actual_pending", actual),
	}
	r, err := out.report()
	if err != nil {
		return nil, err
	}
	if r.Prediction != nil {
		list = append(list, measured{"reported_accuracy_pct", r.Prediction.Percent})
	}
	if p50 := r.Totals.Recovery.P50; p50 != nil {
		list = append(list, measured{"reported_recovery_p50_s", *p50})
	}
	return list, nil
}

// reality is what the watcher saw, to compare a prediction with.
func (s seen) reality() assess.Reality {
	r := assess.Reality{Gone: maps.Clone(s.gone), Workloads: map[string]assess.WorkloadReality{}}
	for name, was := range s.returned {
		r.Workloads[name] = assess.WorkloadReality{Floor: was.floor, Ready: was.ready, Pending: was.waiting}
	}
	return r
}

// awaitNodes waits until all nodes are Ready, for a while, and returns how many are not.
func (t *trial) awaitNodes() int {
	ctx, cancel := context.WithTimeout(t.ctx, readyPatience)
	defer cancel()
	_ = await(ctx, func(context.Context) (string, bool, error) {
		ready, all := t.watcher.nodesReady()
		return fmt.Sprintf("%d of %d nodes Ready again", ready, all), ready == all, nil
	}, t.show)
	ready, all := t.watcher.nodesReady()
	return all - ready
}

// changedNodes names the nodes that are not as they were.
func changedNodes(before, after map[string]string) []string {
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if is, there := after[name]; !there || is != before[name] {
			changed = append(changed, name)
		}
	}
	return changed
}
