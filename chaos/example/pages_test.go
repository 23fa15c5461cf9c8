package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/internal/docstest"
)

// guides are the pages about the command line.
var guides = []string{page, comingFrom, "../scenario/README.md", "../latency/README.md"}

const comingFrom = "../COMING-FROM.md"

// each calls do with a command and all below it.
func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, below := range cmd.Commands() {
		each(below, do)
	}
}

// commandLines returns the lines of blocks that call the program, without comments.
func commandLines(t *testing.T, page string) []string {
	t.Helper()
	var lines []string
	for _, block := range docstest.Blocks(t, page, "") {
		for _, line := range block.Commands() {
			line, _, _ = strings.Cut(line, " > ")
			line = strings.TrimPrefix(line, "- run: ") // of a workflow
			if args, is := strings.CutPrefix(strings.TrimPrefix(line, "bin/"), "stowage-chaos "); is {
				lines = append(lines, args)
			}
		}
	}
	return lines
}

// TestCommandLinesOfThePages has every command line of the pages parsed.
func TestCommandLinesOfThePages(t *testing.T) {
	found := 0
	for _, file := range guides {
		for _, line := range commandLines(t, file) {
			found++
			args := strings.Fields(strings.ReplaceAll(line, "'", ""))
			cmd, rest, err := newCommand().Find(args)
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err == nil && !cmd.Runnable() {
				err = cmd.ValidateArgs(rest)
			}
			if err != nil {
				t.Errorf("%s: stowage-chaos %s: %v", file, line, err)
			}
		}
	}
	if found < 20 {
		t.Errorf("the pages have %d command lines: this test has lost its subject", found)
	}
}

var flagName = regexp.MustCompile("`--([a-z][-a-z]*[a-z]|v)")

// TestFlagsOfThePages knows each flag that the guide names, and that the tables name as ours.
func TestFlagsOfThePages(t *testing.T) {
	known := map[string]bool{}
	each(newCommand(), func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
	})
	check := func(file, text string) (found int) {
		for _, match := range flagName.FindAllStringSubmatch(text, -1) {
			found++
			if !known[match[1]] {
				t.Errorf("%s: there is no flag --%s", file, match[1])
			}
		}
		return found
	}
	if n := check(page, docstest.Read(t, page)); n < 30 {
		t.Errorf("%s names %d flags: this test has lost its subject", page, n)
	}
	ours := 0
	for line := range strings.Lines(docstest.Read(t, comingFrom)) {
		if cells := strings.Split(strings.ReplaceAll(line, `\|`, ""), "|"); len(cells) >= 4 {
			ours += check(comingFrom, cells[2])
		}
	}
	if ours < 40 {
		t.Errorf("%s names %d flags of ours: this test has lost its subject", comingFrom, ours)
	}
}

// TestEveryFlagOfTheOthers sees that what the others have is in the tables, on the left.
func TestEveryFlagOfTheOthers(t *testing.T) {
	var left strings.Builder
	for line := range strings.Lines(docstest.Read(t, comingFrom)) {
		if cells := strings.Split(line, "|"); len(cells) >= 4 {
			left.WriteString(cells[1] + "\n")
		}
	}
	for who, all := range map[string]string{
		"chaoskube": `--labels --annotations --kinds --namespaces --namespace-labels --included-pod-names --excluded-pod-names --excluded-weekdays
			--excluded-times-of-day --excluded-days-of-year --timezone --minimum-age --max-runtime --max-kill --master --kubeconfig --interval
			--dynamic-interval --dynamic-interval-factor --dry-run --debug --metrics-address --grace-period --log-format --log-caller --slack-webhook
			--client-namespace-scope CHAOSKUBE_`,
		"kube-monkey": `kube-monkey/enabled kube-monkey/identifier kube-monkey/mtbf kube-monkey/kill-mode kube-monkey/kill-value fixed kill-all fixed-percent
			random-max-percent kubemonkey.dry_run kubemonkey.time_zone kubemonkey.run_hour start_hour end_hour kubemonkey.graceperiod_sec
			kubemonkey.whitelisted_namespaces kubemonkey.blacklisted_namespaces kubemonkey.custom_resources kubernetes.host debug.enabled
			debug.schedule_delay debug.force_should_kill debug.schedule_immediate_kill notifications.enabled .proxy .attacks
			notifications.reportSchedule metrics.enabled metrics.address`,
		"PowerfulSeal": `autonomous validate interactive label scenarios[].name scenarios[].steps runStrategy.runs .minSecondsBetweenRuns
			.maxSecondsBetweenRuns round-robin exitStrategy podAction nodeAction namespace deployment labels property dayTime randomSample size ratio probability
			kill kill.probability kill.force wait checkPodCount checkPodState az group ip state stop stop.force stop.autoRestart start execute wait.seconds
			probeHTTP target.url endpoint target.service retries delay timeout code count method body headers proxy insecure kubectl clone
			seal/enabled seal/kill-probability seal/force-kill seal/days seal/start-time seal/end-time --kubernetes-namespace
			--min-seconds-between-runs --max-seconds-between-runs`,
	} {
		for _, name := range strings.Fields(all) {
			if !strings.Contains(left.String(), name) {
				t.Errorf("%s: %s of %s is in no table", comingFrom, name, who)
			}
		}
	}
}
