package scale

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/chaos/journal"
)

// The exit codes of chaos that are no failure of it: a steady state that was broken, and one
// that nothing can be said of.
var verdicts = []int{2, 3}

// zone has chaos take a zone down, as by an outage, and waits until its pods have other
// nodes and the zone is back.
func (b *bench) zone() (*outcome, error) {
	file := filepath.Join(b.dir, "zone.jsonl")
	b.watcher.begin()
	b.meter.begin()
	var points [][2]float64
	ran, stdout, err := b.run(tool{
		program: chaosProgram, name: "zone", codes: verdicts, patience: recovery + patience,
		args: []string{
			"zone", "--zone", zones[0], "--kind", "down", "--seed", "1", "--recovery-timeout", recovery.String(),
			"--journal", file, "--no-dry-run", "-o", "json",
		},
		status: func(elapsed time.Duration) string {
			all, _, ready := b.watcher.state()
			points = append(points, [2]float64{elapsed.Round(time.Second).Seconds(), float64(all.ready)})
			return fmt.Sprintf("%d of %d nodes and %d of %d pods Ready, %d on their way out", ready, b.size.Nodes, all.ready, b.size.Pods, all.leaving)
		},
	})
	if err != nil {
		return nil, err
	}
	o := b.outcome(ran.Wall)
	o.costs[chaosProgram] = cost{cpu: ran.CPU, peak: ran.PeakRSS}
	o.count("exit_code", ran.Code)
	s := b.watcher.result()
	o.count("pods_lost", s.lost)
	o.seconds("first_loss_s", s.firstLost.Sub(s.silent))
	o.placed(s, s.firstLost)
	b.opts.Series(figure.Series{
		Chart: "A zone of three lost and back", Name: "pods that are Ready",
		X: figure.Axis{Label: "since the command was given", Unit: "s"}, Y: figure.Axis{Label: "pods"}, Points: points,
	})
	return o, o.said(file, stdout)
}

// said adds what the tool says itself.
func (o *outcome) said(file string, stdout []byte) error {
	run, err := journal.OpenRun(file)
	if err != nil {
		return err
	}
	if len(run.Choices) != 1 || len(run.Predictions) != 1 {
		return fmt.Errorf("the journal has %d choices and %d predictions, and not one of each", len(run.Choices), len(run.Predictions))
	}
	o.count("nodes_lost", len(run.Choices[0].What.Nodes))
	o.seconds("predict_s", run.Predictions[0].Time.Sub(run.Choices[0].Time))
	var report struct {
		Prediction *struct {
			Percent float64 `json:"percent"`
		} `json:"prediction"`
	}
	if err := json.Unmarshal(stdout, &report); err != nil {
		return fmt.Errorf("reading the report: %w", err)
	}
	if report.Prediction != nil {
		o.add("prediction_accuracy_pct", 3, report.Prediction.Percent)
	}
	return nil
}
