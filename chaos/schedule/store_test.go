package schedule

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

const (
	namespace = "stowage"
	name      = "chaos-schedule"
)

var configMaps = schema.GroupResource{Resource: "configmaps"}

// newVersionedClient returns a fake that refuses to update an old version of a ConfigMap,
// as the API server does.
func newVersionedClient() *fake.Clientset {
	client := fake.NewClientset()
	version := 0
	client.PrependReactor("*", "configmaps", func(action clienttesting.Action) (bool, runtime.Object, error) {
		write, is := action.(clienttesting.UpdateAction) // creations are such, too
		if !is {
			return false, nil, nil
		}
		configMap := write.GetObject().(*corev1.ConfigMap)
		if action.GetVerb() == "update" && configMap.ResourceVersion != fmt.Sprint(version) {
			return true, nil, apierrors.NewConflict(configMaps, name, errors.New("changed"))
		}
		version++
		configMap.ResourceVersion = fmt.Sprint(version)
		return false, nil, nil
	})
	return client
}

func load(t *testing.T, s *Store) State {
	t.Helper()
	state, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func save(t *testing.T, s *Store, state State) {
	t.Helper()
	if err := s.Save(t.Context(), state); err != nil {
		t.Fatal(err)
	}
}

// manyKills returns a state with so many kills of workloads with names that do not compress.
func manyKills(n int) State {
	random := rand.New(rand.NewPCG(1, 1))
	s := State{Plan: Plan{Date: "2026-06-01", Seed: 1 << 63, End: at(0, 16, 0, 0)}}
	for range n {
		workload := fmt.Sprintf("Deployment default/web-%x", random.Uint64())
		s.Plan.Kills = append(s.Plan.Kills, Kill{At: at(0, 11, 0, 0), Workload: workload, Number: 1, Identifier: "web", Mode: Fixed, Value: 1})
		s.Done = append(s.Done, Done{Workload: workload, Number: 1, Time: at(0, 11, 0, 1), Outcome: Killed})
	}
	return s
}

func TestStatesSurvive(t *testing.T) {
	whole := planned(at(0, 11, 0, 0), at(0, 12, 0, 0))
	whole.Done = []Done{{Workload: web, Number: 1, Time: at(0, 11, 0, 1), Outcome: Killed, Message: "x"}}
	whole.LastKill = map[string]Date{web: "2026-06-01"}
	tests := []struct {
		name   string
		states []State
	}{
		{"one", []State{whole}},
		{"the next day's replaces it", []State{whole, {Plan: Plan{Date: "2026-06-06", Seed: 1, Why: "Sat is not a run day"}, LastKill: whole.LastKill}}},
		{"a large one", []State{manyKills(10_000)}},
		{"a large one after a small one", []State{whole, manyKills(10_000)}},
		{"a small one after a large one", []State{manyKills(10_000), whole}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := newVersionedClient()
			s := NewStore(client, namespace, name)
			if diff := cmp.Diff(State{}, load(t, s)); diff != "" {
				t.Fatalf("the state of nothing (-want +got):\n%s", diff)
			}
			for _, state := range tt.states {
				save(t, s, state)
				if diff := cmp.Diff(state, load(t, NewStore(client, namespace, name))); diff != "" {
					t.Errorf("state (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestStatesThatAreTooLargeAreRefused(t *testing.T) {
	client := newVersionedClient()
	err := NewStore(client, namespace, name).Save(t.Context(), manyKills(60_000))
	if err == nil || !strings.Contains(err.Error(), "60000 kills in a day are too many for ConfigMap stowage/chaos-schedule") {
		t.Errorf("got error %v", err)
	}
	if n := len(client.Actions()); n > 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestWhoIsOvertakenWritesNothing(t *testing.T) {
	remove := func(t *testing.T, client *fake.Clientset) {
		if err := client.CoreV1().ConfigMaps(namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		before bool // there is a state when both read
		other  func(*testing.T, *fake.Clientset, *Store)
	}{
		{"somebody else has created it", false, func(t *testing.T, _ *fake.Clientset, other *Store) { save(t, other, planned()) }},
		{"somebody else has changed it", true, func(t *testing.T, _ *fake.Clientset, other *Store) { save(t, other, planned()) }},
		{"somebody else has deleted it", true, func(t *testing.T, client *fake.Clientset, _ *Store) { remove(t, client) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := newVersionedClient()
			if tt.before {
				save(t, NewStore(client, namespace, name), State{Plan: Plan{Date: "2026-05-31"}})
			}
			ours, theirs := NewStore(client, namespace, name), NewStore(client, namespace, name)
			load(t, ours)
			load(t, theirs)
			tt.other(t, client, theirs)
			want := load(t, NewStore(client, namespace, name))
			err := ours.Save(t.Context(), State{Plan: Plan{Date: "2026-06-02"}})
			if !errors.Is(err, ErrOvertaken) {
				t.Errorf("got error %v, want %v", err, ErrOvertaken)
			}
			if diff := cmp.Diff(want, load(t, NewStore(client, namespace, name))); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatesThatCannotBeReadAreErrors(t *testing.T) {
	kill := `{"at":"2026-06-01T11:00:00Z","workload":"Deployment default/web","number":1,"identifier":"web","mode":"fixed","value":1}`
	plan := func(kills string) string {
		return `{"plan":{"date":"2026-06-01","seed":"0x1","kills":[` + kills + `]}}`
	}
	tests := []struct {
		name string
		data map[string]string
		want string
	}{
		{"it is fine", map[string]string{plainKey: plan(kill)}, ""},
		{"an empty ConfigMap is none", nil, ""},
		{"another ConfigMap", map[string]string{"moves.yaml": "x"}, "has no schedule.json, but moves.yaml"},
		{"no JSON", map[string]string{plainKey: "x"}, "the state is invalid: invalid character"},
		{"nothing", map[string]string{plainKey: ""}, "the state is invalid: EOF"},
		{"something behind it", map[string]string{plainKey: plan(kill) + plan(kill)}, "the state is invalid: unexpected data after it"},
		{"a field that is not known", map[string]string{plainKey: `{"plan":{"date":"2026-06-01","seed":"0x1"},"dones":[]}`}, `unknown field "dones"`},
		{"a seed that is none", map[string]string{plainKey: `{"plan":{"date":"2026-06-01","seed":"x"}}`}, "a seed is"},
		{"a date that is none", map[string]string{plainKey: `{"plan":{"date":"2026-06-31","seed":"0x1"}}`}, "plan.date"},
		{"a mode that is none", map[string]string{plainKey: plan(strings.ReplaceAll(kill, "fixed", "some"))}, "plan.kills[0].mode"},
		{"a value that is none", map[string]string{plainKey: plan(strings.ReplaceAll(kill, `"value":1`, `"value":-1`))}, "plan.kills[0].value"},
		{"a kill twice", map[string]string{plainKey: plan(kill + "," + kill)}, "plan.kills[1]"},
		{"something done that is not in the plan", map[string]string{plainKey: `{"plan":{"date":"2026-06-01","seed":"0x1"},"done":[{"workload":"x","number":1,"time":"2026-06-01T11:00:00Z","outcome":"killed"}]}`}, "done[0]"},
		{"a last kill that is no date", map[string]string{plainKey: `{"plan":{"date":"","seed":"0x1"},"lastKill":{"x":"yesterday"}}`}, "lastKill"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := fake.NewClientset(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: tt.data})
			_, err := NewStore(client, namespace, name).Load(t.Context())
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestMissingRightsAreNamed(t *testing.T) {
	for _, verb := range []string{"get", "create"} {
		client := fake.NewClientset()
		client.PrependReactor(verb, "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(configMaps, name, errors.New("no"))
		})
		s := NewStore(client, namespace, name)
		_, err := s.Load(context.Background())
		if verb == "create" {
			err = s.Save(context.Background(), State{})
		}
		if want := "no permission to " + verb + " ConfigMap stowage/chaos-schedule"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}
