package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 7, 30, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

const startLine = `{"time":"2026-07-30T12:00:00Z","start":{"id":"r1","version":"v","arguments":["evict"],"seed":"0x1","cluster":"c","dryRun":false,"fakeNodes":true,"scenario":{"a":1}}}` + "\n"

func TestRead(t *testing.T) {
	note := `{"time":"2026-07-30T12:00:01Z","step":1,"note":{"message":"hello"}}`
	for _, tt := range []struct {
		name, text string
		records    int
		truncated  bool
		err        string
	}{
		{name: "whole lines", text: startLine + note + "\n", records: 2},
		{name: "a whole line that lacks its end", text: startLine + note, records: 2},
		{name: "a torn last line is left out and reported", text: startLine + note + "\n" + note[:20], records: 2, truncated: true},
		{name: "what a disk leaves of a file that grew in a crash", text: startLine + "\x00\x00\x00", records: 1, truncated: true},
		{name: "a torn line in the middle is an error", text: startLine + note[:20] + "\n" + note + "\n", err: "line 2: invalid character"},
		{name: "an unknown field is an error", text: startLine + `{"time":"2026-07-30T12:00:01Z","note":{"massage":"x"}}` + "\n", err: `line 2: json: unknown field "massage"`},
		{name: "an unknown kind of record is an error", text: startLine + note + "\n" + `{"time":"2026-07-30T12:00:01Z","nota":{}}` + "\n", err: `line 3: json: unknown field "nota"`},
		{name: "a record of nothing", text: startLine + `{"time":"2026-07-30T12:00:01Z"}` + "\n", err: "line 2: a record must have exactly one of " + strings.Join(allKinds, ", ") + ", not 0"},
		{name: "a record of two things", text: startLine + `{"time":"2026-07-30T12:00:01Z","note":{"message":""},"end":{"verdict":"held"}}` + "\n", err: "line 2: a record must have exactly one of " + strings.Join(allKinds, ", ") + ", not 2"},
		{name: "two records in a line", text: startLine + note + note + "\n", err: "line 2: there is more than one record in the line"},
		{name: "a record without a time", text: startLine + `{"note":{"message":""}}` + "\n", err: "line 2: the record has no time"},
		{name: "an empty line", text: startLine + "\n" + note + "\n", err: "line 2: the line is empty"},
		{name: "no start", text: note + "\n", err: "line 1: not a journal, or several in one file"},
		{name: "two journals in one", text: startLine + startLine, err: "line 2: not a journal, or several in one file"},
		{name: "nothing", text: "", err: "the run had not started"},
		{name: "a torn start", text: startLine[:30], err: "the run had not started"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			contents, err := Read(strings.NewReader(tt.text))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(contents.Records) != tt.records || contents.Truncated != tt.truncated {
				t.Errorf("%d records, truncated: %t; want %d and %t", len(contents.Records), contents.Truncated, tt.records, tt.truncated)
			}
		})
	}
}

func TestEveryKindIsNamedAndReadBack(t *testing.T) {
	records := []Record{
		{Time: at(0), Start: &Start{ID: "r1", Scenario: []byte(`{}`), Arguments: []string{}}},
		{Time: at(1), StepBegin: &StepBegin{Name: "a", Kind: "evict"}},
		{Time: at(1), Choice: &Choice{Fault: "evict", Victims: []Victim{{Pod: "a", Rank: -1}}}},
		{Time: at(2), Request: &Request{}}, {Time: at(3), Answer: &Answer{}},
		{Time: at(3), Change: &Change{Object: "Node n"}}, {Time: at(3), Restored: &Change{Object: "Node n"}},
		{Time: at(4), Lost: &Lost{Budgets: []string{"b"}}}, {Time: at(5), Recovered: &Recovered{}}, {Time: at(5), Unneeded: &Unneeded{}},
		{Time: at(6), Availability: &Availability{}}, {Time: at(6), Budget: &Budget{}},
		{Time: at(7), Check: &Check{}}, {Time: at(7), Note: &Note{}},
		{Time: at(7), Upgrade: &Upgrade{Nodes: []Node{{Name: "n"}}}}, {Time: at(7), Replacing: &Node{Name: "n"}}, {Time: at(7), Replaced: &Replaced{Node: Node{Name: "n"}}},
		{Time: at(8), End: &End{Verdict: Held}},
	}
	path := filepath.Join(t.TempDir(), "journal")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	contents, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(records, contents.Records); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if want := len(records) + 1; len(allKinds) != want { // and a prediction
		t.Errorf("the kinds of records are %q: add what is missing to this test and to Run.add", allKinds)
	}
	if err := os.WriteFile(path, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), path+": line 1") {
		t.Errorf("an error that names file and line: %v", err)
	}
	if _, err := OpenRun(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was read")
	}
}

func victim(workload string, rank int, name string) Victim {
	return Victim{Namespace: "default", Pod: name, UID: "uid-" + name, Workload: "Deployment default/" + workload, Rank: rank}
}

func TestRun(t *testing.T) {
	web, db := victim("web", 0, "web-a"), victim("db", 1, "db-b")
	cordoned, tainted := Change{Object: "Node n1", What: "cordoned"}, Change{Object: "Node n1", What: "tainted"}
	var b bytes.Buffer
	w := NewWriter(&b, func() time.Time { return at(99) })
	for _, r := range []Record{
		{Time: at(0), Start: &Start{ID: "r1", Scenario: []byte(`{}`)}},
		{Time: at(1), Step: 1, Tick: 1, Choice: &Choice{Fault: "evict", Victims: []Victim{web}}},
		{Time: at(2), Step: 1, Tick: 2, Choice: &Choice{Fault: "evict", Victims: []Victim{db}}},
		{Time: at(2), Step: 1, Tick: 1, Request: &Request{Victim: web}},
		{Time: at(2), Step: 1, Tick: 2, Request: &Request{Victim: db}},
		{Time: at(3), Step: 1, Tick: 1, Answer: &Answer{Victim: web, Outcome: "Evicted"}},
		{Time: at(4), Change: &cordoned}, {Time: at(4), Change: &tainted}, {Time: at(5), Restored: &Change{Object: "Node n1", What: "uncordoned"}},
		{Time: at(6), Change: &cordoned}, {Time: at(6), Change: &cordoned}, {Time: at(7), Restored: &Change{Object: "Node n2", What: "untainted"}},
		{Time: at(9), Availability: &Availability{Workload: "w", Desired: 3, Ready: 3}},
		{Time: at(8), Availability: &Availability{Workload: "w", Desired: 3, Ready: 1}},
	} {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	contents, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	run := NewRun(contents)
	if diff := cmp.Diff([]Entry[Change]{{Time: at(6), What: cordoned}}, run.Open); diff != "" {
		t.Errorf("not put back (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Entry[Request]{{Time: at(2), Step: 1, Tick: 2, What: Request{Victim: db}}}, run.Unanswered); diff != "" {
		t.Errorf("unanswered (-want +got):\n%s", diff)
	}
	want := []Entry[Availability]{
		{Time: at(8), What: Availability{Workload: "w", Desired: 3, Ready: 1}},
		{Time: at(9), What: Availability{Workload: "w", Desired: 3, Ready: 3}},
	}
	if diff := cmp.Diff(want, run.Availability["w"]); diff != "" {
		t.Errorf("availability by time (-want +got):\n%s", diff)
	}
	if got := run.Choice(1, 2); got == nil || got.Victims[0] != db || run.Choice(1, 3) != nil {
		t.Errorf("the choice of the second tick is %v", got)
	}
	if run.Duration() != 9*time.Second || run.End != nil {
		t.Errorf("it took %s and ended with %v", run.Duration(), run.End)
	}
}

func TestSame(t *testing.T) {
	evict := func(victims ...Victim) Choice { return Choice{Fault: "evict", How: "evict", Victims: victims} }
	node := func(names ...string) Choice { return Choice{Fault: "node", How: "down", Nodes: names} }
	for _, tt := range []struct {
		name string
		a, b []Choice
		want string
	}{
		{name: "nothing twice"},
		{name: "the same owners and ranks under other names", a: []Choice{evict(victim("web", 1, "x"))}, b: []Choice{evict(victim("web", 1, "y"))}},
		{name: "other numbers of candidates", a: []Choice{{Candidates: 1}}, b: []Choice{{Candidates: 2}}},
		{name: "another rank", a: []Choice{evict(), evict(victim("web", 1, "x"))}, b: []Choice{evict(), evict(victim("web", 2, "x"))},
			want: "draw 2: victim 1: Deployment default/web #1 vs. Deployment default/web #2"},
		{name: "another order", a: []Choice{evict(victim("a", 0, ""), victim("b", 0, ""))}, b: []Choice{evict(victim("b", 0, ""), victim("a", 0, ""))},
			want: "draw 1: victim 1: Deployment default/a #0 vs. Deployment default/b #0"},
		{name: "one victim more", a: []Choice{evict(victim("a", 0, ""))}, b: []Choice{evict(victim("a", 0, ""), victim("b", 0, ""))}, want: "draw 1: 1 victim vs. 2"},
		{name: "another node", a: []Choice{node("n1")}, b: []Choice{node("n2")}, want: "draw 1: node 1: n1 vs. n2"},
		{name: "one node less", a: []Choice{node("n1", "n2")}, b: []Choice{node("n1")}, want: "draw 1: 2 nodes vs. 1"},
		{name: "another fault", a: []Choice{node("n1")}, b: []Choice{evict()}, want: "draw 1: node by down vs. evict by evict"},
		{name: "a run that ended early", a: []Choice{evict()}, b: nil, want: "one run has 1 draw, the other has 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			identical, difference := Same(tt.a, tt.b)
			if difference != tt.want || identical != (tt.want == "") {
				t.Errorf("identical: %t, %q; want %q", identical, difference, tt.want)
			}
		})
	}
}
