package demo

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/page"
	"github.com/stowage-k8s/stowage/internal/report"
	"github.com/stowage-k8s/stowage/internal/version"
)

// pageName is the file, in the folder for reports, that tells of all acts.
const pageName = "index.html"

// tell adds a section to the page that is written at the end.
func (d *demo) tell(s page.Section) { d.sections = append(d.sections, s) }

// reportPath returns where a file of the report goes, and whether there is to be one.
func (d *demo) reportPath(name string) (string, bool) {
	return filepath.Join(d.reportDir, name), d.reportDir != ""
}

// writePage writes what the acts have told.
func (d *demo) writePage() error {
	path, wanted := d.reportPath(pageName)
	if !wanted {
		return nil
	}
	p := page.Page{
		Product: "Stowage demo", Title: "Scheduler, descheduler and chaos on fake nodes",
		Subtitle:  fmt.Sprintf("%d nodes, %s", d.play.Nodes, time.Now().UTC().Format("2006-01-02 15:04 MST")),
		Headlines: d.headlines, Sections: d.sections,
		Environment: []page.Fact{{Name: "Stowage", Text: version.Stowage()}, {Name: "nodes", Text: "fake nodes with a real control plane"}},
	}
	if err := report.WriteFile(path, p.Write); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	d.live.Println("\nreport: " + path)
	return nil
}

// pageOfPacking tells of the act of the scheduler.
func pageOfPacking(before, after outcome) ([]page.Headline, page.Section) {
	names := []string{corev1.DefaultSchedulerName, schedulerName}
	headline := page.Headline{
		Value: fmt.Sprintf("%d nodes", after.packing.NodesUsed),
		What: fmt.Sprintf("instead of %d for the %d pods with spec.schedulerName: stowage; the lower bound is %d",
			before.packing.NodesUsed, after.packing.Placed, after.packing.LowerBound),
		Rivals: []page.Rival{
			{Name: names[0], Value: float64(before.packing.NodesUsed), Text: fmt.Sprint(before.packing.NodesUsed)},
			{Name: names[1], Value: float64(after.packing.NodesUsed), Text: fmt.Sprint(after.packing.NodesUsed)},
		},
		Command: "make demo",
	}
	return []page.Headline{headline}, page.Section{
		Title: "Packing: the same workloads without and with Stowage",
		Charts: []page.Chart{{
			Title: "cpu requested on each node", Wide: true,
			About:   "With stowage-scheduler, fewer nodes are in use, and these are full.",
			Heatmap: &page.Heatmap{Unit: "%", Each: "node", Grids: []page.Grid{{Name: "without Stowage", Values: before.used}, {Name: "with Stowage", Values: after.used}}},
		}},
		Tables: []page.Table{
			page.TableOf("Workloads with spec.schedulerName: stowage, placed by", packingRows(before.packing, after.packing, names[0], names[1])),
			page.TableOf("All workloads", packingRows(before.all, after.all, "without Stowage", "with Stowage")),
		},
	}
}

// pageOfPreemption tells of the act of preemptible nodes.
func pageOfPreemption(workloads []workload, stages []stage) page.Section {
	s := page.Section{
		Title: "Preemptible nodes are removed and return",
		Text:  []string{"Per zone: replicas on on-demand + preemptible nodes."},
	}
	for _, w := range workloads {
		s.Tables = append(s.Tables, page.TableOf(fmt.Sprintf("Replicas of %s (%s)", w.app, policies[w.app].said), preemptRows(w, stages)))
	}
	return s
}

// pageOfRebalancing tells of the act of the descheduler.
func pageOfRebalancing(r rebalancing, workloads []workload) page.Section {
	before, after := r.beforeAndAfter()
	s := page.Section{
		Title: "A zone returns, and the descheduler restores the balance",
		Text:  strings.Split(strings.TrimSpace(r.carried()), "\n"),
		Tables: []page.Table{
			page.TableOf("CPU requests on nodes without taints, in percent of allocatable", r.skewRows()),
			page.TableOf("Replicas during the run of stowage-descheduler, and by zone", r.workloadRows(workloads)),
		},
	}
	if len(before.used) == len(after.used) {
		s.Charts = []page.Chart{{
			Title: "cpu requested on each node without taints", Wide: true,
			About:   "Nodes are grouped by zone. The returned nodes are empty until the descheduler has moved pods to them.",
			Heatmap: &page.Heatmap{Unit: "%", Each: "node", Grids: []page.Grid{{Name: before.title, Values: before.used}, {Name: after.title, Values: after.used}}},
		}}
	}
	return s
}

// utilisation returns how much cpu is requested of each node that matches, in percent, the
// nodes of a zone beside each other.
func utilisation(s *cluster.Snapshot, match func(*corev1.Node) bool) []float64 {
	type use struct {
		zone, name string
		percent    float64
	}
	var uses []use
	for i, free := range s.Free() {
		node := s.Nodes[i]
		has := cluster.Allocatable(node)[corev1.ResourceCPU]
		if has > 0 && match(node) {
			uses = append(uses, use{node.Labels[corev1.LabelTopologyZone], node.Name, 100 * float64(has-free[corev1.ResourceCPU]) / float64(has)})
		}
	}
	slices.SortFunc(uses, func(a, b use) int { return cmp.Or(cmp.Compare(a.zone, b.zone), cmp.Compare(a.name, b.name)) })
	percents := make([]float64, len(uses))
	for i, u := range uses {
		percents[i] = u.percent
	}
	return percents
}

// chaosPage has stowage-chaos write its own report of a run, and tells where it is.
func (d *demo) chaosPage(ctx context.Context, title, name, journal string) error {
	path, wanted := d.reportPath(name)
	if !wanted {
		return nil
	}
	program, err := d.play.StartProgram(chaosProgram, chaosProgram, "report", journal, "-o", "html", "--output-file", path)
	if err != nil {
		return err
	}
	defer program.Kill()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-program.Done():
	}
	if err := program.Err(); err != nil {
		return err
	}
	d.tell(page.Section{Title: title, Text: []string{"The report of stowage-chaos is in " + name + ", in the same directory."}})
	return nil
}
