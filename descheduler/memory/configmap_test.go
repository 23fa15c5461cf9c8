package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"pgregory.net/rapid"
)

const (
	namespace = "stowage"
	name      = "moves"
)

var resource = schema.GroupResource{Resource: "configmaps"}

// newVersionedClient returns a fake that refuses to update an old version of a ConfigMap,
// as the API server does.
func newVersionedClient(t testing.TB) *fake.Clientset {
	client := fake.NewClientset()
	versions := 0
	client.PrependReactor("*", "configmaps", func(action clienttesting.Action) (bool, runtime.Object, error) {
		write, is := action.(clienttesting.UpdateAction)
		if !is {
			return false, nil, nil
		}
		configMap := write.GetObject().(*corev1.ConfigMap)
		if action.GetVerb() == "update" && configMap.ResourceVersion != stored(t, client).ResourceVersion {
			return true, nil, apierrors.NewConflict(resource, name, fmt.Errorf("changed"))
		}
		versions++
		configMap.ResourceVersion = fmt.Sprint(versions)
		return false, nil, nil
	})
	return client
}

func newConfigMap(data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
}

func load(t testing.TB, client *fake.Clientset) *Memory {
	t.Helper()
	m, err := Load(t.Context(), client, namespace, name, cooldown)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func save(t testing.TB, m *Memory) {
	t.Helper()
	if err := m.Save(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

// requests returns the verbs of the requests since the last call.
func requests(client *fake.Clientset) []string {
	var verbs []string
	for _, action := range client.Actions() {
		verbs = append(verbs, action.GetVerb())
	}
	client.ClearActions()
	return verbs
}

// resting returns the names of the workloads that rest, in order.
func resting(m *Memory) []string {
	var names []string
	for _, e := range m.entries {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

func stored(t testing.TB, client *fake.Clientset) *corev1.ConfigMap {
	t.Helper()
	object, err := client.Tracker().Get(corev1.SchemeGroupVersion.WithResource("configmaps"), namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	return object.(*corev1.ConfigMap)
}

func TestLifeOfAMemory(t *testing.T) {
	client := fake.NewClientset()

	m := load(t, client)
	save(t, m)
	if diff := cmp.Diff([]string{"get"}, requests(client)); diff != "" {
		t.Errorf("nothing to save: requests (-want +got):\n%s", diff)
	}

	m.Moved(workload("web"), now.Add(-30*time.Minute+300*time.Millisecond))
	m.Moved(workload("db"), now.In(time.FixedZone("", 3600)))
	save(t, m)
	save(t, m)
	if diff := cmp.Diff([]string{"create"}, requests(client)); diff != "" {
		t.Errorf("first save: requests (-want +got):\n%s", diff)
	}
	want := map[string]string{"moves.yaml": `# Workloads that stowage-descheduler moved recently. The cooldown of each starts at its
# time. Delete the ConfigMap to end all cooldowns.
version: v1
moved:
- {"time":"2026-07-01T12:00:00Z","kind":"Deployment","namespace":"default","name":"db","uid":"uid-db"}
- {"time":"2026-07-01T11:30:00Z","kind":"Deployment","namespace":"default","name":"web","uid":"uid-web"}
`}
	if diff := cmp.Diff(want, stored(t, client).Data); diff != "" {
		t.Errorf("ConfigMap (-want +got):\n%s", diff)
	}

	m = load(t, client)
	if until, _ := m.Resting(workload("web"), now); !until.Equal(now.Add(30 * time.Minute)) {
		t.Errorf("web rests until %s", until)
	}
	m.Moved(workload("db"), now)
	save(t, m)
	if diff := cmp.Diff([]string{"get"}, requests(client)); diff != "" {
		t.Errorf("moved at the same moment: requests (-want +got):\n%s", diff)
	}

	if err := m.Save(t.Context(), now.Add(2*cooldown)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"update"}, requests(client)); diff != "" {
		t.Errorf("all have rested: requests (-want +got):\n%s", diff)
	}
	if got := stored(t, client).Data[key]; got != head+"version: v1\nmoved: []\n" {
		t.Errorf("all have rested, got:\n%s", got)
	}
	if got := resting(load(t, client)); len(got) > 0 {
		t.Errorf("resting: %v", got)
	}
}

func TestWithoutACooldownThereIsNoRequest(t *testing.T) {
	for _, none := range []time.Duration{0, -time.Second} {
		client := fake.NewClientset(newConfigMap(map[string]string{key: "nonsense"}))
		m, err := Load(t.Context(), client, namespace, name, none)
		if err != nil {
			t.Fatal(err)
		}
		m.Moved(workload("web"), now)
		if got := resting(m); len(got) > 0 {
			t.Errorf("remembered: %v", got)
		}
		save(t, m)
		if got := requests(client); len(got) > 0 {
			t.Errorf("requests: %v", got)
		}
	}
}

func TestEverySaveIsOneRequest(t *testing.T) {
	client := newVersionedClient(t)
	m := load(t, client)
	for i := range 3 {
		m.Moved(workload("web"), now.Add(time.Duration(i-3)*time.Minute))
		save(t, m)
	}
	if diff := cmp.Diff([]string{"get", "create", "update", "update"}, requests(client)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestAllElseInTheConfigMapStays(t *testing.T) {
	configMap := newConfigMap(map[string]string{key: head + "version: v1\nmoved: []\n", "notes": "by hand"})
	configMap.Labels = map[string]string{"team": "a"}
	client := fake.NewClientset(configMap)
	m := load(t, client)
	m.Moved(workload("web"), now)
	save(t, m)
	want := configMap.DeepCopy()
	want.Data[key] = render(m.entries, 0)
	got := stored(t, client)
	got.ManagedFields = nil // the fake keeps some
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ConfigMap (-want +got):\n%s", diff)
	}
}

func TestAnEmptyConfigMapIsAnEmptyMemory(t *testing.T) {
	client := fake.NewClientset(newConfigMap(nil))
	m := load(t, client)
	m.Moved(workload("web"), now)
	save(t, m)
	if diff := cmp.Diff([]string{"get", "update"}, requests(client)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"web"}, resting(load(t, client))); diff != "" {
		t.Errorf("resting (-want +got):\n%s", diff)
	}
}

func TestTimesOfOtherZones(t *testing.T) {
	client := fake.NewClientset(newConfigMap(map[string]string{key: `{version: v1, moved: [{time: "2026-07-01T14:00:00+02:00", uid: uid-web}]}`}))
	if diff := cmp.Diff(render(entries{"uid-web": {Time: now, UID: "uid-web"}}, 0), render(load(t, client).entries, 0)); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

func TestATimeToComeIsWrittenAsNow(t *testing.T) {
	client := fake.NewClientset(newConfigMap(map[string]string{key: `{version: v1, moved: [{time: "9999-12-31T23:59:59-10:00", uid: uid-web}]}`}))
	m := load(t, client)
	save(t, m)
	want := render(entries{"uid-web": {Time: now, UID: "uid-web"}}, 0)
	if diff := cmp.Diff(want, stored(t, client).Data[key]); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

func TestTooManyAreDroppedOldestFirst(t *testing.T) {
	client := fake.NewClientset()
	m := load(t, client)
	for i := range maxEntries + 3 {
		m.Moved(workload(fmt.Sprint(i)), now.Add(-time.Duration(i)*time.Second))
	}
	save(t, m)
	if text := stored(t, client).Data[key]; !strings.Contains(text, "\n# The document is full. Not listed: 3 older moves.\n") {
		t.Errorf("it does not say how many were dropped:\n%.400s", text)
	}
	m = load(t, client)
	for i, want := range map[int]bool{0: true, maxEntries - 1: true, maxEntries: false, maxEntries + 2: false} {
		if _, got := m.Resting(workload(fmt.Sprint(i)), now); got != want {
			t.Errorf("workload %d: resting %t, want %t", i, got, want)
		}
	}
	requests(client)
	save(t, m)
	if got := requests(client); len(got) > 0 {
		t.Errorf("nothing has changed, requests: %v", got)
	}
}

// TestOthersWriteMeanwhile has another descheduler do something after the ConfigMap was
// read, which the API server answers with a conflict of some kind.
func TestOthersWriteMeanwhile(t *testing.T) {
	gvr := corev1.SchemeGroupVersion.WithResource("configmaps")
	others := render(entries{
		"uid-db":  {Time: now.Add(-time.Minute), Kind: "Deployment", Namespace: "default", Name: "db", UID: "uid-db"},
		"uid-web": {Time: now.Add(-time.Minute), Kind: "Deployment", Namespace: "default", Name: "web", UID: "uid-web"},
	}, 0)
	empty := newConfigMap(map[string]string{key: head + "version: v1\nmoved: []\n"})
	tests := []struct {
		name   string
		before []runtime.Object
		verb   string
		do     func(tracker clienttesting.ObjectTracker) error
		answer error
		want   []string
	}{
		{
			name: "the ConfigMap is changed", before: []runtime.Object{empty}, verb: "update",
			do: func(tracker clienttesting.ObjectTracker) error {
				return tracker.Update(gvr, newConfigMap(map[string]string{key: others}), namespace)
			},
			answer: apierrors.NewConflict(resource, name, fmt.Errorf("changed")),
			want:   []string{"db", "web"},
		},
		{
			name: "the ConfigMap is created", verb: "create",
			do: func(tracker clienttesting.ObjectTracker) error {
				return tracker.Create(gvr, newConfigMap(map[string]string{key: others}), namespace)
			},
			answer: apierrors.NewAlreadyExists(resource, name),
			want:   []string{"db", "web"},
		},
		{
			name: "the ConfigMap is deleted", before: []runtime.Object{empty}, verb: "update",
			do: func(tracker clienttesting.ObjectTracker) error {
				return tracker.Delete(gvr, namespace, name)
			},
			answer: apierrors.NewNotFound(resource, name),
			want:   []string{"web"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := fake.NewClientset(tt.before...)
			done := false
			client.PrependReactor(tt.verb, "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
				if done {
					return false, nil, nil
				}
				done = true
				if err := tt.do(client.Tracker()); err != nil {
					t.Error(err)
				}
				return true, nil, tt.answer
			})
			m := load(t, client)
			m.Moved(workload("web"), now)
			save(t, m)
			m = load(t, client)
			if diff := cmp.Diff(tt.want, resting(m)); diff != "" {
				t.Errorf("resting (-want +got):\n%s", diff)
			}
			if until, _ := m.Resting(workload("web"), now); !until.Equal(now.Add(cooldown)) {
				t.Errorf("the later move does not count: web rests until %s", until)
			}
		})
	}
}

func TestSaveGivesUp(t *testing.T) {
	client := fake.NewClientset(newConfigMap(nil))
	conflict := apierrors.NewConflict(resource, name, fmt.Errorf("changed"))
	client.PrependReactor("update", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, conflict
	})
	m := load(t, client)
	m.Moved(workload("web"), now)
	requests(client)
	err := m.Save(t.Context(), now)
	if err == nil || !apierrors.IsConflict(err) || !strings.HasPrefix(err.Error(), "gave up after 5 conflicting writes") {
		t.Errorf("got error %v", err)
	}
	if got := requests(client); len(got) != 2*attempts {
		t.Errorf("%d requests: %v", len(got), got)
	}
	if _, resting := m.Resting(workload("web"), now); !resting {
		t.Error("what could not be saved is forgotten")
	}
	client.ReactionChain = client.ReactionChain[1:]
	save(t, m)
	if diff := cmp.Diff([]string{"web"}, resting(load(t, client))); diff != "" {
		t.Errorf("resting after another save (-want +got):\n%s", diff)
	}
}

func TestConfigMapsThatCannotBeRead(t *testing.T) {
	const remedy = "; to end all cooldowns, delete it: kubectl -n stowage delete configmap moves"
	tests := []struct {
		name string
		data map[string]string
		want string
	}{
		{"no YAML", map[string]string{key: "version: [v1"}, "ConfigMap stowage/moves, key moves.yaml: error converting YAML to JSON: yaml: line 1: did not find expected ',' or ']'" + remedy},
		{"no version", map[string]string{key: "moved: []"}, `ConfigMap stowage/moves, key moves.yaml: version is "": must be "v1"` + remedy},
		{"an empty document", map[string]string{key: ""}, `ConfigMap stowage/moves, key moves.yaml: version is "": must be "v1"` + remedy},
		{"a version to come", map[string]string{key: "version: v2\nmoved: {}"}, `ConfigMap stowage/moves, key moves.yaml: version is "v2": must be "v1"` + remedy},
		{"an unknown field", map[string]string{key: "version: v1\nmoves: []"}, `ConfigMap stowage/moves, key moves.yaml: error unmarshaling JSON: while decoding JSON: json: unknown field "moves"` + remedy},
		{"an entry without a UID", map[string]string{key: `{version: v1, moved: [{time: "2026-07-01T12:00:00Z", uid: a}, {time: "2026-07-01T12:00:00Z"}]}`}, "ConfigMap stowage/moves, key moves.yaml: moved[1] has no uid" + remedy},
		{"an entry without a time", map[string]string{key: `{version: v1, moved: [{uid: a}]}`}, "ConfigMap stowage/moves, key moves.yaml: moved[0] has no time" + remedy},
		{"a time that is none", map[string]string{key: `{version: v1, moved: [{uid: a, time: noon}]}`}, `ConfigMap stowage/moves, key moves.yaml: error unmarshaling JSON: while decoding JSON: parsing time "noon" as "2006-01-02T15:04:05Z07:00": cannot parse "noon" as "2006"` + remedy},
		{"another's ConfigMap", map[string]string{"ca.crt": "x", "b": "y"}, "ConfigMap stowage/moves has no key moves.yaml, but b, ca.crt, so it does not store cooldowns: set --cooldown-config-map to another name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(t.Context(), fake.NewClientset(newConfigMap(tt.data)), namespace, name, cooldown)
			if got := fmt.Sprint(err); got != tt.want {
				t.Errorf("error (-want +got):\n%s", cmp.Diff(tt.want, got))
			}
		})
	}
}

func TestMissingRightsAndOtherFailures(t *testing.T) {
	forbidden := apierrors.NewForbidden(resource, name, fmt.Errorf("no"))
	right := func(verb string) string {
		return "no permission to " + verb + " ConfigMap stowage/moves, which stores cooldowns: " +
			"grant the descheduler's ServiceAccount the verb " + verb + " on configmaps in namespace stowage, or set --cooldown=0: " + forbidden.Error()
	}
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, namespace)
	tests := []struct {
		name   string
		before []runtime.Object
		verb   string
		answer error
		want   string
	}{
		{"no right to get", nil, "get", forbidden, right("get")},
		{"no right to create", nil, "create", forbidden, right("create")},
		{"no right to update", []runtime.Object{newConfigMap(nil)}, "update", forbidden, right("update")},
		{"no such namespace", nil, "create", gone, "cannot create ConfigMap stowage/moves, which stores cooldowns: " + gone.Error()},
		{"no time left", nil, "get", context.DeadlineExceeded, "cannot get ConfigMap stowage/moves, which stores cooldowns: context deadline exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := fake.NewClientset(tt.before...)
			client.PrependReactor(tt.verb, "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, tt.answer
			})
			m, err := Load(t.Context(), client, namespace, name, cooldown)
			if err == nil {
				m.Moved(workload("web"), now)
				err = m.Save(t.Context(), now)
			}
			if got := fmt.Sprint(err); got != tt.want {
				t.Errorf("error (-want +got):\n%s", cmp.Diff(tt.want, got))
			}
		})
	}
}

// TestRandomSaves has several memories of one ConfigMap, which load, move and save in any
// order: none that still rests may ever be lost.
func TestRandomSaves(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		client := newVersionedClient(t)
		memories := []*Memory{load(t, client), load(t, client), load(t, client)}
		unsaved := []entries{{}, {}, {}}
		saved := entries{}
		at := now
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			i := rapid.IntRange(0, 2).Draw(rt, "memory")
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				memories[i], unsaved[i] = load(t, client), entries{}
			case 1:
				if err := memories[i].Save(t.Context(), at); err != nil {
					rt.Fatal(err)
				}
				saved, unsaved[i] = merge(saved, unsaved[i]), entries{}
			default:
				w := workload(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "workload"))
				memories[i].Moved(w, at)
				unsaved[i].add(entry{Time: at, Kind: w.Kind, Namespace: w.Namespace, Name: w.Name, UID: w.UID})
			}
			at = at.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "minutes")) * time.Minute)
			got, want := prune(load(t, client).entries, cooldown, at), prune(saved, cooldown, at)
			if !maps.Equal(want, got) {
				rt.Fatalf("entries (-want +got):\n%s", cmp.Diff(want, got))
			}
		}
	})
}

func TestPrepareWritesWhereThereIsNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		data map[string]string // nil is no ConfigMap
		want int
	}{
		"no ConfigMap":        {nil, 1},
		"an empty ConfigMap":  {map[string]string{}, 1},
		"a memory of earlier": {map[string]string{key: "version: v1\nmoved: []\n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			client := newVersionedClient(t)
			if tt.data != nil {
				if _, err := client.CoreV1().ConfigMaps(namespace).Create(t.Context(), newConfigMap(tt.data), metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			m := load(t, client)
			client.ClearActions()
			if err := m.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := len(client.Actions()); got != tt.want {
				t.Errorf("%d requests, want %d", got, tt.want)
			}
			if data := stored(t, client).Data[key]; data == "" {
				t.Error("nothing is stored")
			}
			if again := load(t, client); again == nil {
				t.Error("what was prepared cannot be read")
			}
		})
	}
}
