package replay

import (
	"errors"
	"fmt"
	"math"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/internal/ask"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/report"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// PricesKind is the kind of a price file.
const PricesKind = "NodePrices"

// Prices are what nodes cost per hour.
type Prices struct {
	file, currency string
	entries        []priceEntry
	// multiplier is for the prices of preemptible nodes.
	multiplier float64
}

// priceEntry is the price of the nodes that it selects.
type priceEntry struct {
	instanceType string
	selector     labels.Selector
	price        float64
}

// priceFile is a price file.
type priceFile struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Currency is shown with the prices.
	Currency string `json:"currency,omitempty"`
	// PreemptibleMultiplier multiplies the price of nodes that the platform may take back.
	PreemptibleMultiplier *float64 `json:"preemptibleMultiplier"`
	// Prices are looked through in their order: the first that selects a node counts.
	Prices []*strict.Node `json:"prices"`
}

// priceFields is one of the prices in a file. Either of the first two selects nodes.
type priceFields struct {
	// InstanceType is the value of the label node.kubernetes.io/instance-type.
	InstanceType string `json:"instanceType,omitempty"`
	// Selector is a label selector as kubectl takes it.
	Selector string   `json:"selector,omitempty"`
	PerHour  *float64 `json:"perHour"`
}

// LoadPrices reads a price file. The error has a line for each mistake, with file, line and field.
func LoadPrices(path string) (*Prices, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parsePrices(path, data)
}

func parsePrices(path string, data []byte) (*Prices, error) {
	root, err := strict.Parse(data, strict.Plain)
	if root == nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	l := priceLoader{root: root}
	l.d.Errors, _ = errors.AsType[strict.Errors](err)
	prices := l.load()
	if err := l.d.Errors.In(path); err != nil {
		return nil, err
	}
	prices.file = path
	return prices, nil
}

// priceLoader reads one price file.
type priceLoader struct {
	d    strict.Decoder
	root *strict.Node
}

func (l *priceLoader) fail(path, format string, args ...any) {
	l.d.Fail(path, l.root.LineOf(path), format, args...)
}

func (l *priceLoader) load() *Prices {
	var file priceFile
	l.d.Decode("", l.root, &file)
	for _, want := range []struct{ field, value, is string }{{"apiVersion", ask.APIVersion, file.APIVersion}, {"kind", PricesKind, file.Kind}} {
		if want.is != want.value {
			l.fail(want.field, "must be %s, not %q", want.value, want.is)
		}
	}
	p := &Prices{currency: file.Currency, multiplier: 1}
	if file.PreemptibleMultiplier != nil {
		if p.multiplier = *file.PreemptibleMultiplier; !(p.multiplier > 0 && p.multiplier <= 1) {
			l.fail("preemptibleMultiplier", "must be more than 0 and at most 1, not %v", p.multiplier)
		}
	}
	if len(file.Prices) == 0 {
		l.fail("prices", "at least one price is required")
	}
	at := map[string]string{}
	for i, node := range file.Prices {
		path := strict.Index("prices", i)
		entry := l.entry(path, node)
		if before := at[entry.instanceType]; entry.instanceType != "" && before != "" {
			l.fail(strict.Child(path, "instanceType"), "%q has a price already, in %s", entry.instanceType, before)
		}
		at[entry.instanceType] = path
		p.entries = append(p.entries, entry)
	}
	return p
}

func (l *priceLoader) entry(path string, node *strict.Node) priceEntry {
	var fields priceFields
	before := len(l.d.Errors)
	l.d.Decode(path, node, &fields)
	entry := priceEntry{instanceType: fields.InstanceType}
	if len(l.d.Errors) > before {
		return entry
	}
	switch {
	case (fields.InstanceType == "") == (fields.Selector == ""):
		l.fail(path, "must have one of instanceType and selector")
	case fields.Selector != "":
		var err error
		if entry.selector, err = labels.Parse(fields.Selector); err != nil {
			l.fail(strict.Child(path, "selector"), "must be a label selector such as pool=batch,zone in (a,b): %v", err)
		}
	default:
		entry.selector = labels.SelectorFromSet(labels.Set{corev1.LabelInstanceTypeStable: fields.InstanceType})
	}
	switch {
	case fields.PerHour == nil:
		l.fail(path, "perHour is required")
	case !(*fields.PerHour >= 0) || math.IsInf(*fields.PerHour, 0):
		l.fail(strict.Child(path, "perHour"), "must be 0 or more, not %v", *fields.PerHour)
	default:
		entry.price = *fields.PerHour
	}
	return entry
}

// of returns the prices of nodes, by name. It is an error if any has none: a sum without it would
// be wrong.
func (p *Prices) of(nodes []*corev1.Node, recognizer preemptible.Recognizer) (map[string]float64, error) {
	prices := map[string]float64{}
	missing, example := 0, ""
	for _, node := range nodes {
		price, known := p.entry(node)
		if !known {
			if missing++; example == "" {
				example = fmt.Sprintf("%s (%s)", node.Name, ask.KindOf(node))
			}
			continue
		}
		if recognizer.Preemptible(node) {
			price *= p.multiplier
		}
		prices[node.Name] = price
	}
	if missing > 0 {
		return nil, &PriceError{fmt.Sprintf("%s: prices: %s without a price, such as %s", p.file, report.Count(missing, "node"), example)}
	}
	return prices, nil
}

func (p *Prices) entry(node *corev1.Node) (price float64, known bool) {
	for _, e := range p.entries {
		if e.selector.Matches(labels.Set(node.Labels)) {
			return e.price, true
		}
	}
	return 0, false
}

// PriceError says that a price file does not have the prices of all nodes.
type PriceError struct{ message string }

func (e *PriceError) Error() string { return e.message }
