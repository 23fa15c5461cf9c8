package target

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/chaos/field"
)

// Pods is what users select pods by. Everything that is given must hold. What a pod is
// protected by unless asked for (system namespaces, DaemonSets, no controller, being a
// mirror, marks for disruptors, gangs) protects it whatever else is given.
type Pods struct {
	// Labels and Annotations are label selectors, such as "app=web,stage!=production".
	Labels      field.Text `json:"labels,omitempty" doc:"only pods whose labels this selector matches, such as app=web,stage!=production" schema:"minLength=1"`
	Annotations field.Text `json:"annotations,omitempty" doc:"only pods whose annotations this selector matches" schema:"minLength=1"`
	// Kinds are kinds of owners: of any in the chain from the pod's controller up, such as
	// "Deployment,StatefulSet" or "!Job". Pod is the kind of bare pods, Node of mirrors.
	Kinds field.Text `json:"kinds,omitempty" doc:"only pods with such an owner, or with ! none such, through the whole chain of owners: a comma list such as Deployment,!Job" schema:"minLength=1"`
	// Namespaces are names, such as "shop,blog" or "!production".
	Namespaces field.Text `json:"namespaces,omitempty" doc:"only pods in these namespaces, or with ! not in them: a comma list such as shop,blog or !production" schema:"minLength=1"`
	// NamespaceLabels is a label selector for namespaces.
	NamespaceLabels field.Text `json:"namespaceLabels,omitempty" doc:"only pods in namespaces whose labels this selector matches" schema:"minLength=1"`
	// IncludedPodNames and ExcludedPodNames are regular expressions, found anywhere in a name.
	IncludedPodNames field.Text `json:"includedPodNames,omitempty" doc:"only pods in whose name this regular expression is found" schema:"minLength=1"`
	ExcludedPodNames field.Text `json:"excludedPodNames,omitempty" doc:"no pods in whose name this regular expression is found" schema:"minLength=1"`
	// MinimumAge is a duration since the pod was created, such as "1h30m".
	MinimumAge field.Text `json:"minimumAge,omitempty" doc:"only pods that were created this long ago, such as 1h30m, or earlier" schema:"minLength=1"`
	// ClientNamespaceScope is one namespace that nothing outside of is selected.
	ClientNamespaceScope field.Text `json:"clientNamespaceScope,omitempty" doc:"only pods in this one namespace" schema:"minLength=1"`

	// All is needed for a selection that would otherwise be empty.
	All bool `json:"all,omitempty" doc:"all pods that nothing else leaves out: needed where nothing else selects"`

	IncludeSystem     bool `json:"includeSystem,omitempty" doc:"pods in kube-system, kube-public and kube-node-lease, too"`
	IncludeDaemonSets bool `json:"includeDaemonsets,omitempty" doc:"pods of DaemonSets, too"`
	IncludeBarePods   bool `json:"includeBarePods,omitempty" doc:"pods that nothing would replace, too"`
	IncludeStatic     bool `json:"includeStatic,omitempty" doc:"static pods, which their node runs by itself, too"`
	Protections
}

// Add adds the flags that set the fields.
func (p *Pods) Add(fs *pflag.FlagSet) {
	fs.Var(&p.Labels, "labels", "only pods whose labels this `selector` matches, such as app=web,stage!=production")
	fs.Var(&p.Annotations, "annotations", "only pods whose annotations this `selector` matches")
	fs.Var(&p.Kinds, "kinds", "only pods with such an owner, or with ! none such, through the whole chain of owners: `kinds` such as Deployment,!Job")
	fs.Var(&p.Namespaces, "namespaces", "only pods in these `namespaces`, or with ! not in them, such as shop,blog or !production")
	fs.Var(&p.NamespaceLabels, "namespace-labels", "only pods in namespaces whose labels this `selector` matches")
	fs.Var(&p.IncludedPodNames, "included-pod-names", "only pods in whose name this regular `expression` is found")
	fs.Var(&p.ExcludedPodNames, "excluded-pod-names", "no pods in whose name this regular `expression` is found")
	fs.Var(&p.MinimumAge, "minimum-age", "only pods that were created this `duration` ago, such as 1h30m, or earlier")
	fs.Var(&p.ClientNamespaceScope, "client-namespace-scope", "only pods in this one `namespace`")
	fs.BoolVar(&p.All, "all", p.All, "all pods that nothing else leaves out: needed where nothing else selects")
	fs.BoolVar(&p.IncludeSystem, "include-system", p.IncludeSystem, "pods in kube-system, kube-public and kube-node-lease, too")
	fs.BoolVar(&p.IncludeDaemonSets, "include-daemonsets", p.IncludeDaemonSets, "pods of DaemonSets, too")
	fs.BoolVar(&p.IncludeBarePods, "include-bare-pods", p.IncludeBarePods, "pods that nothing would replace, too")
	fs.BoolVar(&p.IncludeStatic, "include-static", p.IncludeStatic, "static pods, which their node runs by itself, too")
	p.Protections.Add(fs)
}

// Selection selects pods.
type Selection struct {
	pods                                 Pods
	labels, annotations, namespaceLabels labels.Selector // nil where nothing was said
	kinds, namespaces                    *members
	includedNames, excludedNames         *regexp.Regexp
	minimumAge                           time.Duration
}

// Compile reads the fields. Its errors are of type field.Error, joined where there are
// several, and say what is allowed. A selection that would match every pod is refused
// unless All says so.
func (p Pods) Compile() (*Selection, error) {
	s := &Selection{pods: p}
	var all []error
	for _, read := range []struct {
		field string
		err   error
	}{
		{"labels", parse(&s.labels, p.Labels, parseSelector)},
		{"annotations", parse(&s.annotations, p.Annotations, parseSelector)},
		{"kinds", parse(&s.kinds, p.Kinds, parseKinds)},
		{"namespaces", parse(&s.namespaces, p.Namespaces, parseNamespaces)},
		{"namespaceLabels", parse(&s.namespaceLabels, p.NamespaceLabels, parseSelector)},
		{"includedPodNames", parse(&s.includedNames, p.IncludedPodNames, parseIncluded)},
		{"excludedPodNames", parse(&s.excludedNames, p.ExcludedPodNames, parseNames)},
		{"minimumAge", parse(&s.minimumAge, p.MinimumAge, parseAge)},
		{"clientNamespaceScope", parse(new(string), p.ClientNamespaceScope, parseNamespace)},
	} {
		if read.err != nil {
			all = append(all, &field.Error{Field: read.field, Err: read.err})
		}
	}
	if len(all) == 0 {
		all = s.contradictions()
	}
	if len(all) > 0 {
		return nil, errors.Join(all...)
	}
	return s, nil
}

// contradictions returns what cannot be meant, though each field by itself makes sense.
func (s *Selection) contradictions() (all []error) {
	empty := s.labels == nil && s.annotations == nil && s.kinds == nil && s.namespaces == nil && s.namespaceLabels == nil && s.includedNames == nil && s.excludedNames == nil
	if empty && !s.pods.All {
		all = append(all, field.Errorf("all", "an empty selection would match every pod, and is refused without this: select by labels, annotations, kinds, namespaces, namespace labels or pod names"))
	}
	scope := string(s.pods.ClientNamespaceScope)
	if scope != "" && !s.namespaces.has(scope) {
		all = append(all, field.Errorf("clientNamespaceScope", "%s is not among the namespaces that are selected", scope))
	}
	for _, protected := range []struct {
		members *members
		name    string
		asked   bool
		opt     string
	}{
		{s.namespaces, "kube-system", s.pods.IncludeSystem, "includeSystem"},
		{s.namespaces, "kube-public", s.pods.IncludeSystem, "includeSystem"},
		{s.namespaces, "kube-node-lease", s.pods.IncludeSystem, "includeSystem"},
		{s.kinds, "DaemonSet", s.pods.IncludeDaemonSets, "includeDaemonsets"},
		{s.kinds, "Pod", s.pods.IncludeBarePods, "includeBarePods"},
		{s.kinds, "Node", s.pods.IncludeStatic, "includeStatic"},
	} {
		named := protected.members != nil && protected.members.in[protected.name] || scope == protected.name
		if named && !protected.asked {
			all = append(all, field.Errorf(protected.opt, "pods of %s are asked for, and protected without this", protected.name))
		}
	}
	return all
}

// parse reads a text, if it is given, into what it is for.
func parse[T any](into *T, text field.Text, read func(string) (T, error)) error {
	if text == "" {
		return nil
	}
	if err := text.Check(); err != nil {
		return err
	}
	value, err := read(string(text))
	if err == nil {
		*into = value
	}
	return err
}

func parseNames(text string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression such as ^web-|^shop-: %w", text, err)
	}
	return re, nil
}

// extremes are names of which none but an expression for every name is found in all.
var extremes = []string{"a", "0", "\x00", strings.Repeat("x", 253)}

// parseIncluded refuses, besides what is none, an expression that is found in every name,
// such as "web|": it would be no restriction.
func parseIncluded(text string) (*regexp.Regexp, error) {
	re, err := parseNames(text)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(extremes, func(name string) bool { return !re.MatchString(name) }) {
		return nil, fmt.Errorf("%q is found in every name: leave it out, or say which names", text)
	}
	return re, nil
}

func parseAge(text string) (time.Duration, error) {
	age, err := time.ParseDuration(text)
	if err != nil || age < 0 {
		return 0, fmt.Errorf("%q is no duration from 0 such as 1h30m or 90s", text)
	}
	return age, nil
}
