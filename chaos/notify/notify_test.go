package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func event(kind Kind, message string) Event {
	return Event{Run: "r1", Cluster: "staging", Event: kind, Time: now, Message: message}
}

// receiver is a server that keeps what it gets.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
}

// receive starts a receiver. Before it answers, answer is called, if set.
func receive(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil || request.Method != http.MethodPost || request.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s with %s, error %v", request.Method, request.Header.Get("Content-Type"), err)
		}
		r.mu.Lock()
		r.bodies = append(r.bodies, string(body))
		r.mu.Unlock()
		if answer != nil {
			answer(w, request)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.bodies...)
}

func (r *receiver) destination(t *testing.T, kind func(*url.URL) *destination) *destination {
	t.Helper()
	u, err := url.Parse(r.URL + "/services/secret?token=secret")
	if err != nil {
		t.Fatal(err)
	}
	return kind(u)
}

func TestWebhookGetsEachEvent(t *testing.T) {
	r := receive(t, nil)
	n := start(t.Context(), clock.RealClock{}, r.destination(t, newWebhook))
	sent := []Event{event(Start, "it starts"), event(Victim, "web-1 is evicted"), event(End, "it held")}
	sent[1].Object, sent[2].Verdict, sent[0].DryRun = "Pod default/web-1", "held", true
	for _, e := range sent {
		n.Send(e)
	}
	n.Close()
	var got []Event
	for _, body := range r.got() {
		var e Event
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("other events (-want, +got):\n%s", diff)
	}
	const want = `{"run":"r1","cluster":"staging","dryRun":false,"event":"victim","time":"2026-07-01T12:00:00Z","message":"web-1 is evicted","object":"Pod default/web-1"}`
	if diff := cmp.Diff(want, r.got()[1]); diff != "" {
		t.Errorf("another format (-want, +got):\n%s", diff)
	}
}

func TestSlackGetsWhatWaitsInOneMessage(t *testing.T) {
	arrived, answer := make(chan struct{}, 9), make(chan struct{})
	r := receive(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-answer })
	n := start(t.Context(), clock.RealClock{}, r.destination(t, newSlack))
	n.Send(event(Start, "it <starts> & goes"))
	<-arrived // and is not answered, so that the others wait
	for i := range 30 {
		n.Send(event(Victim, fmt.Sprintf("pod %d", i)))
	}
	n.Send(event(End, "it held"))
	close(answer)
	n.Close()
	got := r.got()
	if len(got) != 2 {
		t.Fatalf("it got %d messages, want 2", len(got))
	}
	if diff := cmp.Diff(`{"text":":game_die: *r1* on staging: it \u0026lt;starts\u0026gt; \u0026amp; goes"}`, got[0]); diff != "" {
		t.Errorf("another format (-want, +got):\n%s", diff)
	}
	var second struct{ Text string }
	if err := json.Unmarshal([]byte(got[1]), &second); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(second.Text, "\n")
	want := []string{":skull: *r1* on staging: pod 19", "and 10 more", ":checkered_flag: *r1* on staging: it held"}
	if diff := cmp.Diff(want, lines[maxLines-1:]); diff != "" {
		t.Errorf("another end of the message (-want, +got):\n%s", diff)
	}
}

func TestAFullQueueLeavesOutTheOldestVictims(t *testing.T) {
	q := newQueue()
	q.add(event(Start, "it starts"))
	for i := range queueLength + 10 {
		q.add(event(Victim, fmt.Sprint(i)))
	}
	q.add(event(End, "it held"))
	events, dropped, _ := q.take(t.Context(), 2*queueLength)
	if len(events) != queueLength || dropped != 12 || events[0].Event != Start || events[1].Message != "12" || events[queueLength-1].Event != End {
		t.Errorf("%d events are left, from %v, %v to %v, and %d were left out", len(events), events[0], events[1], events[len(events)-1], dropped)
	}
}

func TestANotifierWithoutVictimsStaysBounded(t *testing.T) {
	q := newQueue()
	for range queueLength + 10 {
		q.add(event(Start, "again"))
	}
	if got := q.length(); got != queueLength {
		t.Errorf("%d events wait", got)
	}
}

// impatient is a clock whose timers are over at once.
type impatient struct{ clock.RealClock }

func (impatient) NewTimer(time.Duration) clock.Timer {
	return clock.RealClock{}.NewTimer(0)
}

// logged returns a context's logger that writes to a buffer.
func logged() (klog.Logger, func() string) {
	var mu sync.Mutex
	var all bytes.Buffer
	logger := funcr.New(func(_, args string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(&all, args)
	}, funcr.Options{})
	return logger, func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

func TestWhoDoesNotAnswerHoldsNothingUp(t *testing.T) {
	arrived, stop := make(chan struct{}, 9), make(chan struct{})
	deaf := receive(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	defer close(stop)
	logger, log := logged()
	n := start(klog.NewContext(t.Context(), logger), impatient{}, deaf.destination(t, newWebhook))
	for range 3 {
		n.Send(event(Victim, "a pod"))
	}
	<-arrived
	n.Close() // returns, though there is no answer
	if got := log(); !strings.Contains(got, "Failed to send notifications") || !strings.Contains(got, `"tooLate"=2`) || strings.Contains(got, "secret") {
		t.Errorf("it logs %s", got)
	}
	n.Send(event(End, "nobody hears this"))
}

func TestFailuresAreLoggedWithoutTheSecret(t *testing.T) {
	gone := receive(t, nil)
	gone.Close()
	refusing := receive(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secret", http.StatusForbidden) })
	moved := receive(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, refusing.URL+"/secret", http.StatusTemporaryRedirect)
	})
	tests := []struct {
		name string
		to   *receiver
		want string
	}{
		{"nobody is there", gone, "connection refused"},
		{"it is refused", refusing, "it responds with 403 Forbidden"},
		{"it is elsewhere", moved, "it responds with 307 Temporary Redirect"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			logger, log := logged()
			n := start(klog.NewContext(t.Context(), logger), clock.RealClock{}, tt.to.destination(t, newSlack))
			n.Send(event(End, "it held"))
			n.Close()
			if got := log(); !strings.Contains(got, tt.want) || !strings.Contains(got, `"failed"=1`) || strings.Contains(got, "secret") {
				t.Errorf("it logs %s", got)
			}
		})
	}
	if got := len(refusing.got()); got != 1 {
		t.Errorf("the redirect was followed: %d messages", got)
	}
}

func TestNobodyToTell(t *testing.T) {
	n, err := (&Flags{}).New(t.Context(), func(string) string { return "" })
	if n != nil || err != nil {
		t.Fatalf("it returns %v, %v", n, err)
	}
	n.Send(event(Start, "nobody hears this"))
	n.Close()
}

func TestFlagsSetTheFields(t *testing.T) {
	var got Flags
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	got.Add(fs)
	if err := fs.Parse([]string{"--notify-webhook=a", "--notify-webhook-file=b", "--notify-slack=c", "--notify-slack-file=d"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Flags{Webhook: "a", WebhookFile: "b", Slack: "c", SlackFile: "d"}, got); diff != "" {
		t.Errorf("other fields (-want, +got):\n%s", diff)
	}
}

func TestFlags(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const bad = " must be a URL with http or https, such as https://hooks.example.com/T000/B000"
	tests := []struct {
		name  string
		flags Flags
		env   map[string]string
		want  string // the destinations, or the error
	}{
		{"both", Flags{Webhook: "http://a/x", Slack: "https://b/y"}, nil, "webhook at a, slack at b"},
		{"from a file", Flags{SlackFile: file("url", "https://b/y\n")}, nil, "slack at b"},
		{"from the environment", Flags{}, map[string]string{SlackVariable: "https://b/y", WebhookVariable: "http://a"}, "webhook at a, slack at b"},
		{"a flag goes before the environment", Flags{Slack: "https://c"}, map[string]string{SlackVariable: "https://b/y"}, "slack at c"},
		{"a flag and a file", Flags{Slack: "https://c", SlackFile: "x"}, nil, "--notify-slack cannot be combined with --notify-slack-file"},
		{"no scheme, twice", Flags{Webhook: "hooks/secret", Slack: "ftp://secret"}, nil, "--notify-webhook" + bad + "\n--notify-slack" + bad},
		{"a file with something else", Flags{WebhookFile: file("bad", "secret")}, nil, "--notify-webhook-file" + bad},
		{"an empty file", Flags{WebhookFile: file("empty", "\n")}, nil, "--notify-webhook-file: the file is empty"},
		{"a variable with something else", Flags{}, map[string]string{WebhookVariable: "secret"}, "$" + WebhookVariable + bad},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := tt.flags.New(t.Context(), func(name string) string { return tt.env[name] })
			got := fmt.Sprint(err)
			if err == nil {
				n.Close()
				var names []string
				for _, d := range n.to {
					names = append(names, d.name)
				}
				got = strings.Join(names, ", ")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("another result (-want, +got):\n%s", diff)
			}
		})
	}
}
