package report

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/page/pagetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

var noon = time.Date(2026, 7, 30, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return noon.Add(time.Duration(seconds * float64(time.Second)))
}

func victim(workload, name string) journal.Victim {
	return journal.Victim{Namespace: "shop", Pod: name, UID: "uid-" + name, Node: "n1", Workload: workload, Rank: 1}
}

// story is the records of a run.
type story []journal.Record

func begun(objectives string) story {
	return story{{Time: at(0), Start: &journal.Start{
		ID: "r1", Version: "stowage-chaos v1", Arguments: []string{"scenario", "run", "a.yaml"}, Seed: "0x2a", Cluster: "playground", FakeNodes: true,
		Scenario: []byte(`{"spec":{"objectives":` + objectives + `,"steps":[]}}`),
	}}}
}

func (s *story) add(seconds float64, r journal.Record) {
	r.Time = at(seconds)
	*s = append(*s, r)
}

func (s *story) ready(seconds float64, workload string, ready, desired int) {
	s.add(seconds, journal.Record{Availability: &journal.Availability{Workload: workload, Ready: ready, Desired: desired}})
}

func (s *story) lost(seconds float64, v journal.Victim, drawn bool, budgets ...string) {
	s.add(seconds, journal.Record{Lost: &journal.Lost{Victim: v, Drawn: drawn, Budgets: budgets}})
}

func (s *story) recovered(lost, seconds float64, v journal.Victim) {
	s.add(seconds, journal.Record{Recovered: &journal.Recovered{
		Victim: v, LostAt: at(lost), Seconds: seconds - lost, Replacement: v.Pod + "-new", ReplacementUID: v.UID + "-new", Node: "n2",
	}})
}

func (s *story) budget(seconds float64, name string, healthy, desired, allowed int) {
	s.add(seconds, journal.Record{Budget: &journal.Budget{Namespace: "shop", Budget: name, Healthy: healthy, Desired: desired, Allowed: allowed}})
}

func (s *story) chosen(seconds float64, victims ...journal.Victim) {
	s.add(seconds, journal.Record{Step: 1, Tick: 1, Choice: &journal.Choice{Fault: "evict", How: assess.Evict, Candidates: 9, Victims: victims}})
}

func (s *story) end(seconds float64, verdict journal.Verdict, reasons ...string) {
	s.add(seconds, journal.Record{End: &journal.End{Verdict: verdict, Reasons: reasons}})
}

func (s story) report() *Report { return From(journal.NewRun(&journal.Contents{Records: s})) }

const (
	web = "Deployment shop/web"
	db  = "StatefulSet shop/db"
)

// rich is a run with what a run can have.
func rich() story {
	s := begun(`{"minAvailability":"60%","maxRecovery":"5s","recoveryPercentile":90}`)
	a, b, c := victim(web, "web-a"), victim(web, "web-b"), victim(db, "db-0")
	s.add(1, journal.Record{Step: 1, StepBegin: &journal.StepBegin{Name: "first", Kind: "evict"}})
	s.add(1, journal.Record{Check: &journal.Check{Probe: "shop", Phase: "before", OK: true, Message: "12 of 12 workloads are whole"}})
	s.chosen(1, a, b)
	s.add(1, journal.Record{Step: 1, Prediction: &assess.Prediction{
		How:       assess.Evict,
		Pods:      []assess.PodFate{{Namespace: "shop", Pod: "web-a", UID: "uid-web-a", Workload: web, Fate: assess.Fits}, {Namespace: "shop", Pod: "web-b", UID: "uid-web-b", Workload: web, Fate: assess.Kept}},
		Workloads: []assess.WorkloadFate{{Workload: web, Desired: 4, Ready: 4, Floor: 3, After: 4}},
	}})
	s.add(2, journal.Record{Step: 1, Request: &journal.Request{Victim: a, How: assess.Evict}})
	s.ready(0, web, 4, 4)
	s.ready(2, web, 3, 4)
	s.lost(2, a, true, "web")
	s.add(2, journal.Record{Step: 1, Answer: &journal.Answer{Victim: a, Outcome: disruption.Evicted}})
	s.add(2, journal.Record{Step: 1, Request: &journal.Request{Victim: b, How: assess.Evict}})
	s.add(2, journal.Record{Step: 1, Answer: &journal.Answer{Victim: b, Outcome: disruption.RefusedByBudget, Budget: "web"}})
	s.budget(0, "web", 4, 3, 1)
	s.budget(2, "web", 3, 3, 0)
	s.recovered(2, 4.5, a)
	s.ready(4.5, web, 4, 4)
	s.budget(4.5, "web", 4, 3, 1)
	s.add(10, journal.Record{Step: 2, StepBegin: &journal.StepBegin{Name: "second", Kind: "node"}})
	s.add(10, journal.Record{Step: 2, Choice: &journal.Choice{Fault: "node", How: assess.Down, Nodes: []string{"n1"}, Victims: []journal.Victim{c}}})
	s.add(10, journal.Record{Change: &journal.Change{Object: "Node n1", What: "silenced"}})
	s.ready(0, db, 2, 2)
	s.ready(12, db, 1, 2)
	s.lost(12, c, true, "db")
	s.budget(0, "db", 2, 2, 0)
	s.budget(12, "db", 1, 2, 0)
	s.lost(13, b, false, "web")
	s.ready(13, web, 2, 4)
	s.recovered(13, 16, b)
	s.ready(16, web, 4, 4)
	s.add(14, journal.Record{Check: &journal.Check{Probe: "shop", Phase: "during", OK: false, Message: "db has 1 of 2"}})
	s.add(15, journal.Record{Note: &journal.Note{Message: "aborting"}})
	s.end(20, journal.Broken, "probe shop: db has 1 of 2")
	return s
}

func held() story {
	s := begun(`{"maxUnrecovered":0}`)
	a := victim(web, "web-a")
	s.chosen(1, a)
	s.lost(1, a, true)
	s.ready(0, web, 4, 4)
	s.ready(1, web, 3, 4)
	s.recovered(1, 2, a)
	s.ready(2, web, 4, 4)
	s.end(10, journal.Held)
	return s
}

func hostile() story {
	s := begun(`{"minAvailability":9}`)
	s[0].Start.Cluster = "<script>alert(1)</script>"
	name := `Deployment shop/"><img src=x onerror=alert(1)>|**@all` + "\x1b[2J"
	v := victim(name, "p")
	s.chosen(1, v)
	s.lost(1, v, true)
	s.ready(0, name, 1, 1)
	s.ready(1, name, 0, 1)
	s.budget(0, `</title><script>`, 1, 1, 0)
	s.budget(1, `</title><script>`, 0, 1, 0)
	s.add(2, journal.Record{Note: &journal.Note{Message: "\x1b]0;title\x07 `code` <b>"}})
	s.end(3, journal.Held)
	return s
}

func stories() map[string]story {
	cut := rich()
	dry := begun("null")
	dry[0].Start.DryRun, dry[0].Start.FakeNodes = true, false
	dry.chosen(1, victim(web, "web-a"))
	dry.end(1, journal.Held, "dry run: nothing was changed")
	spared := begun(`{"maxUnrecovered":1}`)
	spared.chosen(1, victim(web, "web-a"))
	spared.lost(1, victim(web, "web-a"), true)
	spared.end(2, journal.Held)
	return map[string]story{"spared": spared, "broken": rich(), "held": held(), "hostile": hostile(), "cut": cut[:len(cut)-8], "dry": dry}
}

func write(t *testing.T, r *Report, format Format) string {
	t.Helper()
	var b strings.Builder
	if err := r.Write(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for name, s := range stories() {
		for _, format := range Formats {
			t.Run(name+" as "+string(format), func(t *testing.T) {
				got := write(t, s.report(), format)
				if format == HTML {
					got = pagetest.Own(got)
				}
				golden := filepath.Join("testdata", name+"."+string(format))
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", golden, diff)
				}
			})
		}
	}
}

// TestPage looks at pages as browsers show them.
func TestPage(t *testing.T) {
	browser := pagetest.Start(t)
	text := write(t, rich().report(), HTML)
	for _, view := range pagetest.Views(pagetest.PhoneDark, pagetest.Paper) {
		tab := browser.Open(t, "chaos-broken", text, view)
		want := map[string]int{"charts": 6, "budgets broken": 1, "never replaced": 1}
		got := map[string]int{
			"charts":         tab.Count(".chart svg"),
			"budgets broken": tab.Count("path[fill='var(--shade)']"),
			"never replaced": tab.Count("path[fill='var(--alarm)']"),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", view, diff)
		}
	}
	tab := browser.Open(t, "chaos-hostile", write(t, hostile().report(), HTML), pagetest.Phone)
	if n := tab.Count("img, iframe, script:not([type='application/json'])"); n != 2 {
		t.Errorf("the page has %d images, frames and scripts, want its own 2 scripts", n)
	}
}

func TestHostileNamesStayText(t *testing.T) {
	r := hostile().report()
	for _, format := range []Format{Table, Wide, Markdown, HTML} {
		if text := write(t, r, format); strings.ContainsAny(text, "\x1b\x07") {
			t.Errorf("%s has control characters", format)
		}
	}
	if text := write(t, r, Markdown); strings.Contains(text, "<img") || strings.Contains(text, "@all") || strings.Contains(text, "**@") {
		t.Errorf("markdown has markup:\n%s", text)
	}
}

func TestPrograms(t *testing.T) {
	for name, s := range stories() {
		for _, format := range []Format{JSON, YAML} {
			text := write(t, s.report(), format)
			var got Report
			if err := yaml.UnmarshalStrict([]byte(text), &got); err != nil {
				t.Fatalf("%s as %s: %v", name, format, err)
			}
			if diff := cmp.Diff(s.report(), &got, cmpopts.IgnoreUnexported(Report{}, Recovery{})); diff != "" {
				t.Errorf("%s as %s (-want +got):\n%s", name, format, diff)
			}
			if nulls := regexp.MustCompile(`.*\bnull\b.*`).FindAllString(text, -1); nulls != nil {
				t.Errorf("%s as %s: %q", name, format, nulls)
			}
		}
		var suite junitSuite
		if err := xml.Unmarshal([]byte(write(t, s.report(), JUnit)), &suite); err != nil {
			t.Fatal(err)
		}
		failed := 0
		for _, c := range suite.Cases {
			if c.Failure != nil || c.Error != nil {
				failed++
			}
		}
		if suite.Tests != len(suite.Cases) || suite.Failures+suite.Errors != failed || (failed == 0) != (s.report().Verdict == journal.Held) {
			t.Errorf("%s: %d cases, %d failed, of a run that came out as %s: %+v", name, len(suite.Cases), failed, s.report().Verdict, suite)
		}
	}
}

func TestManyWorkloads(t *testing.T) {
	s := begun("null")
	for i := range 3000 {
		name := fmt.Sprintf("Deployment shop/w-%04d", i)
		s.ready(0, name, 100, 100)
		s.ready(1, name, i%100, 100)
	}
	s.end(10, journal.Held)
	page := write(t, s.report(), HTML)
	if n := strings.Count(page, "<figure"); n != mostDrawn {
		t.Errorf("%d pictures, want %d", n, mostDrawn)
	}
	if n := strings.Count(page, `<th scope="row">Deployment`); n != 3000 {
		t.Errorf("%d workloads are in the table, want all", n)
	}
	if table := write(t, s.report(), Table); !strings.Contains(table, "… and 2950 more (-o wide or json shows all)") {
		t.Errorf("a table does not say what is left out:\n%s", table[len(table)-200:])
	}
}

// BenchmarkReport reports on 10,000 evictions, each with its prediction, over 2,000 workloads.
func BenchmarkReport(b *testing.B) {
	s := begun(`{"minAvailability":"50%"}`)
	for i := range 10_000 {
		workload := fmt.Sprintf("Deployment shop/w-%d", i%2000)
		v := victim(workload, fmt.Sprint("pod-", i))
		from := float64(i)
		s.chosen(from, v)
		s.add(from, journal.Record{Prediction: &assess.Prediction{
			Pods: []assess.PodFate{{UID: types.UID(v.UID), Workload: workload, Fate: assess.Fits}}, Workloads: []assess.WorkloadFate{{Workload: workload, Ready: 5, Floor: 4, After: 5}},
		}})
		s.lost(from+0.1, v, true, "g")
		s.ready(from+0.1, workload, 4, 5)
		s.budget(from+0.1, "g", i%3, 1, 0)
		s.recovered(from+0.1, from+5, v)
		s.ready(from+5, workload, 5, 5)
	}
	run := journal.NewRun(&journal.Contents{Records: s})
	for b.Loop() {
		if err := From(run).Write(io.Discard, HTML); err != nil {
			b.Fatal(err)
		}
	}
}

// TestTheEngineIsSaidOnce covers a run that has predicted several times.
func TestTheEngineIsSaidOnce(t *testing.T) {
	s := held()
	for range 2 {
		s.add(3, journal.Record{Prediction: &assess.Prediction{Simulated: "simulated with the 1.37 engine; the cluster runs 1.35"}})
	}
	const want = "Scheduling is simulated with the 1.37 engine; the cluster runs 1.35."
	if n := strings.Count(write(t, s.report(), Table), want); n != 1 {
		t.Errorf("it is said %d times, want once", n)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestBadInput(t *testing.T) {
	for _, format := range Formats {
		if err := held().report().Write(full{}, format); err == nil || !strings.Contains(err.Error(), "as "+string(format)+": no space left") {
			t.Errorf("%s to a full disk: %v", format, err)
		}
	}
	const want = `unknown format "xml": must be one of table, wide, json, yaml, junit, markdown, html`
	f := Table
	if err := f.Set("xml"); err == nil || err.Error() != want || f != Table {
		t.Errorf("a flag of an unknown format: %v and %s, want %s", err, f, want)
	}
	if err := held().report().Write(full{}, "xml"); err == nil || err.Error() != want {
		t.Errorf("an unknown format: %v", err)
	}
}
