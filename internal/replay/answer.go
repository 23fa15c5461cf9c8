package replay

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/ask"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Orders in which pods are placed.
const (
	ByCreation = "creation"
	Random     = "random"
)

// Answer is what each subject needs for the pods of a cluster.
type Answer struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Order is that of the pods, and Seed draws it where it is random.
	Order string `json:"order"`
	Seed  string `json:"seed,omitempty"`
	// Nodes is how many there are, Pods how many pods are placed anew, and Staying how many pods
	// of DaemonSets and static pods stay on their nodes.
	Nodes   int `json:"nodes"`
	Pods    int `json:"pods"`
	Staying int `json:"staying"`
	// LowerBound is how many nodes any placement needs, by what the pods request.
	LowerBound int `json:"lowerBound"`
	// PricePerHour is that of all nodes; nil if prices are not known.
	PricePerHour *float64 `json:"pricePerHour,omitempty"`
	Currency     string   `json:"currency,omitempty"`

	// Results begin with that for now.
	Results []Result `json:"results"`
	// Kinds are the kinds of nodes.
	Kinds []Kind `json:"kinds"`
	// Kept are the nodes that never count as removable, by name.
	Kept  []Kept   `json:"kept,omitempty"`
	Notes []string `json:"notes"`
}

// Result is where the pods are by one of the subjects.
type Result struct {
	Name     string `json:"name"`
	Settings string `json:"settings"`
	// NodesUsed have a pod that was placed anew. Of the others, NodesRemovable could be switched
	// off, and NodesKept could not. Removable are the names of the former.
	NodesUsed      int      `json:"nodesUsed"`
	NodesRemovable int      `json:"nodesRemovable"`
	NodesKept      int      `json:"nodesKept"`
	Removable      []string `json:"removable,omitempty"`
	// Placed pods have a node, and Pending ones none, for these reasons.
	Placed  int      `json:"placed"`
	Pending int      `json:"pending"`
	Reasons []Reason `json:"reasons,omitempty"`
	// CPUPercent and MemoryPercent are requested ÷ allocatable of the nodes used, by all pods
	// there.
	CPUPercent    float64 `json:"cpuPercent"`
	MemoryPercent float64 `json:"memoryPercent"`
	// PricePerHour is that of the nodes that are not removable; nil if prices are not known.
	PricePerHour *float64 `json:"pricePerHour,omitempty"`

	// cpu is requested ÷ allocatable of each node, in percent, in the order of the comparison.
	cpu []float64
	// used counts the nodes used by kind.
	used map[string]int
}

// Reason is why pods are pending: the one that most nodes have for the pod.
type Reason struct {
	Reason string `json:"reason"`
	Pods   int    `json:"pods"`
}

// Kind is nodes that are alike, and how many of them each of the results uses.
type Kind struct {
	Name  string         `json:"name"`
	Nodes int            `json:"nodes"`
	Used  map[string]int `json:"used"`
}

// Kept is a node that could not be switched off.
type Kept struct {
	Node   string `json:"node"`
	Reason string `json:"reason"`
}

// answer returns the answer with the result for now.
func (c *comparison) answer() *Answer {
	a := &Answer{
		APIVersion: ask.APIVersion, Kind: "Try", Order: ByCreation,
		Nodes: len(c.nodes), Pods: len(c.pods), Staying: len(c.staying), LowerBound: c.picture.LowerBound(c.pods),
	}
	if c.opts.Seed != nil {
		a.Order, a.Seed = Random, fmt.Sprintf("%#x", *c.opts.Seed)
	}
	if c.opts.Prices != nil {
		total := 0.0
		for _, price := range c.prices {
			total += price
		}
		a.PricePerHour, a.Currency = rounded(total), c.opts.Prices.currency
	}
	counts := map[string]int{}
	for _, node := range c.nodes {
		counts[c.kinds[node.Name]]++
		if reason := c.kept[node.Name]; reason != "" {
			a.Kept = append(a.Kept, Kept{node.Name, reason})
		}
	}
	slices.SortFunc(a.Kept, func(x, y Kept) int { return cmp.Compare(x.Node, y.Node) })
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		a.Kinds = append(a.Kinds, Kind{Name: name, Nodes: counts[name], Used: map[string]int{}})
	}
	reported := map[string]int{}
	for _, pod := range c.pods {
		if pod.Spec.NodeName == "" {
			reported[reportOf(pod)]++
		}
	}
	a.add(c.result(Now, "where the pods are", c.pods, reported))
	return a
}

func (a *Answer) add(r Result) {
	a.Results = append(a.Results, r)
	for i := range a.Kinds {
		a.Kinds[i].Used[r.Name] = r.used[a.Kinds[i].Name]
	}
}

// reportOf returns what the scheduler said of a pod that has no node.
func reportOf(pod *corev1.Pod) string {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse && condition.Message != "" {
			return condition.Message
		}
	}
	return "no scheduler has reported a reason"
}

// result returns the figures of a subject, given where the pods are.
func (c *comparison) result(name, settings string, pods []*corev1.Pod, reasons map[string]int) Result {
	placement := &cluster.Snapshot{Nodes: c.nodes, Pods: slices.Concat(c.staying, pods)}
	packing := placement.Packing(func(pod *corev1.Pod) bool { return !cluster.BelongsToNode(pod) })
	r := Result{
		Name: name, Settings: settings, NodesUsed: packing.NodesUsed, Placed: packing.Placed, Pending: packing.Pods - packing.Placed,
		CPUPercent: percent(packing.Resource(corev1.ResourceCPU).Utilisation), MemoryPercent: percent(packing.Resource(corev1.ResourceMemory).Utilisation),
		used: map[string]int{},
	}
	inUse := map[string]bool{}
	for _, pod := range pods {
		inUse[pod.Spec.NodeName] = true
	}
	price := 0.0
	for i, free := range placement.Free() {
		node := c.nodes[i]
		switch {
		case inUse[node.Name]:
			r.used[c.kinds[node.Name]]++
		case c.kept[node.Name] != "":
			r.NodesKept++
		default:
			r.NodesRemovable++
			r.Removable = append(r.Removable, node.Name)
			price -= c.prices[node.Name]
		}
		price += c.prices[node.Name]
		r.cpu = append(r.cpu, shareOf(node, free, corev1.ResourceCPU))
	}
	if c.opts.Prices != nil {
		r.PricePerHour = rounded(price)
	}
	for reason, n := range reasons {
		r.Reasons = append(r.Reasons, Reason{reason, n})
	}
	slices.SortFunc(r.Reasons, func(a, b Reason) int { return cmp.Or(cmp.Compare(b.Pods, a.Pods), cmp.Compare(a.Reason, b.Reason)) })
	return r
}

// shareOf returns how much of a node's resource is requested, in percent; 0 if it has none.
func shareOf(node *corev1.Node, free cluster.Amounts, name corev1.ResourceName) float64 {
	whole := cluster.Allocatable(node)[name]
	if whole == 0 {
		return 0
	}
	return percent(float64(whole-free[name]) / float64(whole))
}

// percent returns a fraction as a percentage with one decimal.
func percent(fraction float64) float64 { return math.Round(1000*fraction) / 10 }

// rounded rounds an amount of money to a hundredth of a cent: small nodes cost less than a cent per hour.
func rounded(amount float64) *float64 {
	amount = math.Round(10000*amount) / 10000
	return &amount
}
