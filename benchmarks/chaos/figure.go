package chaos

import (
	"fmt"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// subject is the only one: no other chaos tool keeps within budgets or says what it did.
const subject = "stowage"

// qps and burst limit the tool, in requests per second.
const qps, burst = 1000, 2000

// Described says which version the subject is, and how it is set.
func Described() []figure.Subject {
	return []figure.Subject{{
		Name: subject, Version: "Stowage " + figure.Here().Stowage,
		Settings: fmt.Sprintf("stowage-chaos as a process, %d requests/s with bursts of %d; decision: in this process", qps, burst),
	}}
}

// better says which way the metrics get better that do.
var better = map[string]figure.Direction{
	"refused_429": figure.Lower, "budget_violations": figure.Lower, "violations_after_ours": figure.Lower,
	"recovery_p50_s": figure.Lower, "recovery_p99_s": figure.Lower, "replay_identical": figure.Higher,
	"prediction_accuracy_pct": figure.Higher, "leftovers": figure.Lower, "nodes_not_ready": figure.Lower,
	"restore_p50_s": figure.Lower, "decision_ms": figure.Lower, "decision_cold_ms": figure.Lower,
	"decision_memory_mib": figure.Lower, "choose_ms": figure.Lower,
}

// measured is a figure of one case.
type measured struct {
	metric string
	value  float64
}

// count is a figure that counts.
func count(metric string, n int) measured { return measured{metric, float64(n)} }

// truth is a figure that is 1 where something holds, and 0 where it does not.
func truth(metric string, holds bool) measured {
	if holds {
		return measured{metric, 1}
	}
	return measured{metric, 0}
}

// collect lists what was measured in a case.
func collect(name string, list []measured) []figure.Figure {
	var figures []figure.Figure
	for _, m := range list {
		f := figure.Figure{Case: name, Subject: subject, Metric: m.metric, Value: m.value, Unit: metrics[m.metric].unit, Better: better[m.metric]}
		figures = append(figures, f.Rounded(3))
	}
	return figures
}
