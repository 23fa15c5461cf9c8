package field

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestShares(t *testing.T) {
	for _, tc := range []struct {
		name  string
		least int
		args  []string
		want  string
		err   string
	}{
		{"a number", 1, []string{"--share=2"}, "2", ""},
		{"a percentage", 1, []string{"--share=60%"}, "60%", ""},
		{"none, where that is allowed", 0, []string{"--share=0"}, "0", ""},
		{"none in percent, where that is allowed", 0, []string{"--share=0%"}, "0%", ""},
		{"none, where that says nothing", 1, []string{"--share=0"}, "", `invalid argument "0" for "--share" flag: must be 1 or more, or a percentage`},
		{"none in percent, where that says nothing", 1, []string{"--share=0%"}, "", `invalid argument "0%" for "--share" flag: must be a whole number or a percentage from "1%" to "100%", not "0%"`},
		{"less than none", 0, []string{"--share=-1"}, "", `invalid argument "-1" for "--share" flag: must be 0 or more, or a percentage`},
		{"more than all", 0, []string{"--share=101%"}, "", `invalid argument "101%" for "--share" flag: must be a whole number or a percentage from "0%" to "100%", not "101%"`},
		{"a part of a percent", 0, []string{"--share=1.5%"}, "", `invalid argument "1.5%" for "--share" flag: must be a whole number or a percentage from "0%" to "100%", not "1.5%"`},
		{"words", 1, []string{"--share=most"}, "", `invalid argument "most" for "--share" flag: must be a whole number or a percentage from "1%" to "100%", not "most"`},
		{"an empty variable of a shell is no restriction left out", 1, []string{"--share="}, "", `invalid argument "" for "--share" flag: must be a whole number or a percentage from "1%" to "100%", not ""`},
		{"twice", 1, []string{"--share=1", "--share=2"}, "", `invalid argument "2" for "--share" flag: is given twice`},
		{"not at all", 1, nil, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			share := Share{Least: tc.least}
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			flags.SetOutput(io.Discard)
			flags.Var(&share, "share", "")
			err := flags.Parse(tc.args)
			got := ""
			if err == nil {
				got = share.String()
			}
			if diff := cmp.Diff([]string{tc.want, tc.err}, []string{got, message(err)}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDemanded(t *testing.T) {
	for _, tc := range []struct {
		share    string
		of, want int
	}{{"2", 3, 2}, {"4", 3, 3}, {"50%", 3, 2}, {"100%", 3, 3}, {"1%", 3, 1}, {"60%", 0, 0}} {
		if got, err := Demanded(intstr.Parse(tc.share), tc.of); err != nil || got != tc.want {
			t.Errorf("%s of %d is %d, %v; want %d", tc.share, tc.of, got, err, tc.want)
		}
	}
}
