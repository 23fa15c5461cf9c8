package karpenter

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/playground/karpenter"
)

func TestFigures(t *testing.T) {
	var got figures
	for i, seed := range []uint64{1, 2} {
		for _, subject := range QuickSubjects() {
			got.add(trial{subject: subject, policy: karpenter.WhenEmpty, seed: seed}, []measured{{scaleUp, "planned_nodes", 13}, {scaleUp, "price", float64(4 + i)}})
		}
	}
	want := figures{}
	for _, subject := range []string{"default", "stowage"} {
		want = append(want,
			figure.Figure{Case: "WhenEmpty/scale-up", Subject: subject, Metric: "planned_nodes", Unit: "count"}.Of(13, 13),
			figure.Figure{Case: "WhenEmpty/scale-up", Subject: subject, Metric: "price", Unit: "$/h", Better: figure.Lower}.Of(4, 5),
		)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	var table strings.Builder
	if err := WriteTable(&table, got); err != nil {
		t.Fatal(err)
	}
	row := "WhenEmpty/scale-up, stowage 13 13 - - - 4 5 - -"
	var rows []string
	for line := range strings.Lines(table.String()) {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	if !strings.Contains(strings.Join(rows, "\n"), row) {
		t.Errorf("no row %q in\n%s", row, table.String())
	}
	if strings.Contains(table.String(), "WhenEmptyOrUnderutilized") {
		t.Errorf("rows of what was not measured:\n%s", table.String())
	}
}
