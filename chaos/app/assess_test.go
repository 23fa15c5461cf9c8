package app

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/internal/connect"
)

func TestAnswersSayWhatIsMissed(t *testing.T) {
	answers := []answer{
		{Question: "lose zone a", Prediction: &assess.Prediction{How: assess.Down}},
		{Question: "lose zone b", Prediction: &assess.Prediction{How: assess.Down}, Missed: []string{"one", "two", "three", "four", "five"}},
	}
	for format, want := range map[report.Format]string{
		report.Table: "lose zone a\n===========\ndown: no pod is affected\n\nlose zone b\n===========\ndown: no pod is affected\n\n" +
			"not survived: one\n              two\n              three\n              and 2 more\n",
		report.Wide: "lose zone a\n===========\ndown: no pod is affected\n\nlose zone b\n===========\ndown: no pod is affected\n\n" +
			"not survived: one\n              two\n              three\n              four\n              five\n",
	} {
		var out strings.Builder
		if err := (&outputFlags{format: format}).answers(&out, answers); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
	err := worst(answers)
	if err == nil || err.Error() != "not survived: lose zone b: one, two, three, and 2 more" || ExitCode(err) != exitBroken {
		t.Errorf("error %v with code %d", err, ExitCode(err))
	}
	if err := worst(answers[:1]); err != nil {
		t.Errorf("nothing is missed, and the error is %v", err)
	}
}

// A loss of nothing says by what time ages were judged, for that may be why.
func TestALossOfNothingSaysItsTime(t *testing.T) {
	q := question{name: "evict 0 pods", nothing: "there are none"}
	clock := &connect.Clock{Now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), From: "as the dump says"}
	for _, tt := range []struct {
		clock *connect.Clock
		want  string
	}{
		{nil, "evict 0 pods: there are none"},
		{clock, "evict 0 pods: there are none, ages being as of 2026-03-02 10:00:00 UTC (as the dump says)"},
	} {
		if got := q.without(tt.clock); got != tt.want {
			t.Errorf("it says %q, want %q", got, tt.want)
		}
	}
}
