package app

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/report"
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
