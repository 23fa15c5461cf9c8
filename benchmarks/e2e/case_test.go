package e2e

import (
	"bytes"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// functions are those that scheduler_perf's templates have, as far as ours use them.
var functions = template.FuncMap{
	"AddInt":      func(a, b int) int { return a + b },
	"MultiplyInt": func(a, b int) int { return a * b },
	"DivideInt":   func(a, b int) int { return a / b },
	"Mod":         func(a, b int) int { return a % b },
}

// decoder returns what decodes object number i of those that scheduler_perf would create
// from the file.
func decoder(t *testing.T, dir, file string) func(i int, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	parsed := template.Must(template.New(file).Funcs(functions).Parse(string(text)))
	return func(i int, into any) {
		t.Helper()
		var filled bytes.Buffer
		err := parsed.Execute(&filled, map[string]any{"Index": i})
		if err == nil {
			err = yaml.UnmarshalStrict(filled.Bytes(), into)
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", file, err, filled.String())
		}
	}
}

// load is what pods do to a cluster: how many are on each node and what they take of it,
// and on which nodes and in which zones each app is.
type load struct {
	nodes              map[string]*corev1.Node
	pods               map[string]int
	milliCPU           map[string]int64
	appNodes, appZones map[string]map[string]bool
}

// existing returns the load of the pods that were there before.
func existing(t *testing.T, c Comparison) load {
	dir := t.TempDir()
	if err := c.write(dir, nil); err != nil {
		t.Fatal(err)
	}
	l := load{nodes: map[string]*corev1.Node{}, pods: map[string]int{}, milliCPU: map[string]int64{}, appNodes: map[string]map[string]bool{}, appZones: map[string]map[string]bool{}}
	decodeNode, decodePod := decoder(t, dir, "node.yaml"), decoder(t, dir, "existing.yaml")
	for i := range c.Size.Nodes {
		node := &corev1.Node{}
		decodeNode(i, node)
		l.nodes[node.Name] = node
	}
	for i := range c.Size.Existing {
		pod := &corev1.Pod{}
		decodePod(i, pod)
		node, app := l.nodes[pod.Spec.NodeName], pod.Labels["app"]
		if node == nil {
			t.Fatalf("pod %d is on node %q, which there is not", i, pod.Spec.NodeName)
		}
		l.pods[node.Name]++
		l.milliCPU[node.Name] += pod.Spec.Containers[0].Resources.Requests.Cpu().MilliValue()
		if l.appNodes[app] == nil {
			l.appNodes[app], l.appZones[app] = map[string]bool{}, map[string]bool{}
		}
		l.appNodes[app][node.Name] = true
		l.appZones[app][node.Labels[corev1.LabelTopologyZone]] = true
	}
	return l
}

// TestExistingPods checks that the pods that were there before could have been scheduled.
func TestExistingPods(t *testing.T) {
	for _, c := range Full(Cases(), []Size{quickSize}) {
		t.Run(c.String(), func(t *testing.T) {
			l := existing(t, c)
			each := c.Size.Existing / c.Size.Nodes
			for name, node := range l.nodes {
				free := node.Status.Allocatable.Cpu().MilliValue() - l.milliCPU[name]
				if l.pods[name] != each || free < 0 || c.Case.fills && free > int64(each) {
					t.Errorf("node %s has %d pods and %dm left, want %d pods, and no more than there is room for", name, l.pods[name], free, each)
				}
			}
			for app := range l.appZones {
				if len(l.appZones[app]) != 1 || len(l.appNodes[app]) != replicas {
					t.Errorf("app %s is in %d zones on %d nodes, want 1 and %d", app, len(l.appZones[app]), len(l.appNodes[app]), replicas)
				}
			}
		})
	}
}

// TestMeasuredPods checks what makes each case what it is.
func TestMeasuredPods(t *testing.T) {
	got := map[string]string{}
	for _, c := range Full(Cases(), Sizes[:1]) {
		dir := t.TempDir()
		if err := c.write(dir, nil); err != nil {
			t.Fatal(err)
		}
		pod := &corev1.Pod{}
		decoder(t, dir, "measured.yaml")(60, pod)
		if pod.Spec.NodeName != "" || pod.Labels["role"] != "measured" || pod.Labels["app"] != "measured-1" {
			t.Errorf("%s: pod with labels %v on node %q", c, pod.Labels, pod.Spec.NodeName)
		}
		text, err := yaml.Marshal(pod.Spec)
		if err != nil {
			t.Fatal(err)
		}
		got[c.Case.Name] = special(string(text))
	}
	want := map[string]string{
		"plain":             "",
		"packing":           "",
		"node-affinity":     "nodeAffinity required matchExpressions",
		"pod-anti-affinity": "podAntiAffinity required hostname",
		"pod-affinity":      "podAffinity required zone",
		"preferred":         "podAffinity preferred zone podAntiAffinity preferred hostname",
		"spread":            "zone DoNotSchedule",
		"preemption":        "priority: 1000",
		"unschedulable":     "",
		"backlog":           "",
		"daemonset":         "nodeAffinity required matchFields node-60",
		twoSchedulers:       "",
		twoPackers:          "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is special about pods (-want +got):\n%s", diff)
	}
}

// special returns the words in which specifications differ, in their order there.
func special(spec string) string {
	var found []string
	for _, field := range strings.FieldsFunc(spec, func(r rune) bool { return r == '\n' }) {
		for _, word := range []string{"nodeAffinity", "podAffinity:", "podAntiAffinity", "required", "preferred", "matchExpressions", "matchFields", "node-60", "hostname", "zone", "DoNotSchedule", "priority: 1000"} {
			if strings.Contains(field, word) {
				found = append(found, strings.TrimSuffix(word, ":"))
			}
		}
	}
	return strings.Join(found, " ")
}

func TestQuick(t *testing.T) {
	names := func(all []Comparison) string {
		var text []string
		for _, c := range all {
			text = append(text, c.String())
		}
		return strings.Join(text, " ")
	}
	const quick = "%s/nodes=500/pods=3000"
	want := ""
	for _, name := range quickCases {
		want += fmt.Sprintf(quick+" ", name)
	}
	comparisons, subjects := Quick(Cases(), Subjects())
	if got := names(comparisons); got != strings.TrimSpace(want) || len(subjects) != len(quickSubjects) {
		t.Errorf("a quick run of all cases is %s of %d subjects, want %s of %d", got, len(subjects), want, len(quickSubjects))
	}
	comparisons, subjects = Quick(Cases()[2:3], Subjects()[3:4])
	if got, want := names(comparisons), fmt.Sprintf(quick, "node-affinity"); got != want || len(subjects) != 1 {
		t.Errorf("a quick run of one case is %s of %d subjects, want %s of the one", got, len(subjects), want)
	}
}
