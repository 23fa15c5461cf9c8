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

// Pods selects pods. A pod must match all fields that are set. Protected pods (in system
// namespaces, of DaemonSets, without a controller, static, marked as do-not-disrupt, of gangs)
// must be included explicitly, whatever else is set.
type Pods struct {
	// Labels and Annotations are label selectors, such as "app=web,stage!=production".
	Labels      field.Text `json:"labels,omitempty" doc:"only pods whose labels this selector matches, such as app=web,stage!=production" schema:"minLength=1"`
	Annotations field.Text `json:"annotations,omitempty" doc:"only pods whose annotations this selector matches" schema:"minLength=1"`
	// Kinds are kinds of owners, at any level from the controller of the pod up, such as
	// "Deployment,StatefulSet" or "!Job". Bare pods have the kind Pod, static pods the kind Node.
	Kinds field.Text `json:"kinds,omitempty" doc:"only pods with an owner of these kinds, at any level, such as Deployment,StatefulSet; ! excludes a kind, such as !Job" schema:"minLength=1"`
	// Namespaces are names, such as "shop,blog" or "!production".
	Namespaces field.Text `json:"namespaces,omitempty" doc:"only pods in these namespaces, such as shop,blog; ! excludes a namespace, such as !production" schema:"minLength=1"`
	// NamespaceLabels is a label selector for namespaces.
	NamespaceLabels field.Text `json:"namespaceLabels,omitempty" doc:"only pods in namespaces whose labels this selector matches" schema:"minLength=1"`
	// IncludedPodNames and ExcludedPodNames are regular expressions that match anywhere in a
	// name.
	IncludedPodNames field.Text `json:"includedPodNames,omitempty" doc:"only pods whose names match this regular expression" schema:"minLength=1"`
	ExcludedPodNames field.Text `json:"excludedPodNames,omitempty" doc:"no pods whose names match this regular expression" schema:"minLength=1"`
	// MinimumAge is the minimum age of the pod, such as "1h30m".
	MinimumAge field.Text `json:"minimumAge,omitempty" doc:"only pods that are at least this old, such as 1h30m" schema:"minLength=1"`
	// ClientNamespaceScope limits the selection to one namespace.
	ClientNamespaceScope field.Text `json:"clientNamespaceScope,omitempty" doc:"only pods in this one namespace" schema:"minLength=1"`

	// All is required for a selection that would otherwise be empty.
	All bool `json:"all,omitempty" doc:"select every pod. Required if no other selector is set"`

	IncludeSystem     bool `json:"includeSystem,omitempty" doc:"include pods in kube-system, kube-public and kube-node-lease"`
	IncludeDaemonSets bool `json:"includeDaemonsets,omitempty" doc:"include pods of DaemonSets"`
	IncludeBarePods   bool `json:"includeBarePods,omitempty" doc:"include pods without a controller, which nothing would replace"`
	IncludeStatic     bool `json:"includeStatic,omitempty" doc:"include static pods"`
	Protections
}

// Add adds the flags that set the fields.
func (p *Pods) Add(fs *pflag.FlagSet) {
	fs.Var(&p.Labels, "labels", "only pods whose labels this `selector` matches, such as app=web,stage!=production")
	fs.Var(&p.Annotations, "annotations", "only pods whose annotations this `selector` matches")
	fs.Var(&p.Kinds, "kinds", "only pods with an owner of these `kinds`, at any level, such as Deployment,StatefulSet; ! excludes a kind, such as !Job")
	fs.Var(&p.Namespaces, "namespaces", "only pods in these `namespaces`, such as shop,blog; ! excludes a namespace, such as !production")
	fs.Var(&p.NamespaceLabels, "namespace-labels", "only pods in namespaces whose labels this `selector` matches")
	fs.Var(&p.IncludedPodNames, "included-pod-names", "only pods whose names match this regular `expression`")
	fs.Var(&p.ExcludedPodNames, "excluded-pod-names", "no pods whose names match this regular `expression`")
	fs.Var(&p.MinimumAge, "minimum-age", "only pods that are at least this old: a `duration` such as 1h30m")
	fs.Var(&p.ClientNamespaceScope, "client-namespace-scope", "only pods in this one `namespace`")
	fs.BoolVar(&p.All, "all", p.All, "select every pod. Required if no other selector is set")
	fs.BoolVar(&p.IncludeSystem, "include-system", p.IncludeSystem, "include pods in kube-system, kube-public and kube-node-lease")
	fs.BoolVar(&p.IncludeDaemonSets, "include-daemonsets", p.IncludeDaemonSets, "include pods of DaemonSets")
	fs.BoolVar(&p.IncludeBarePods, "include-bare-pods", p.IncludeBarePods, "include pods without a controller, which nothing would replace")
	fs.BoolVar(&p.IncludeStatic, "include-static", p.IncludeStatic, "include static pods")
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

// Compile parses the fields. Its errors are of type field.Error, joined if there are several, and
// name the allowed values. A selection that matches every pod is refused unless All is set.
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

// contradictions returns errors for fields that contradict each other.
func (s *Selection) contradictions() (all []error) {
	empty := s.labels == nil && s.annotations == nil && s.kinds == nil && s.namespaces == nil && s.namespaceLabels == nil && s.includedNames == nil && s.excludedNames == nil
	if empty && !s.pods.All {
		all = append(all, field.Errorf("all", "no selector given: select pods by labels, annotations, kinds, namespaces, namespace labels or pod names, or set all to select every pod"))
	}
	scope := string(s.pods.ClientNamespaceScope)
	if scope != "" && !s.namespaces.has(scope) {
		all = append(all, field.Errorf("clientNamespaceScope", "%s is not one of the selected namespaces", scope))
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
			all = append(all, field.Errorf(protected.opt, "is required, because pods of %s are protected", protected.name))
		}
	}
	return all
}

// parse parses a text, if it is set.
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
		return nil, fmt.Errorf("%q is not a regular expression such as ^web-|^shop-: %w", text, err)
	}
	return re, nil
}

// extremes are names that only an expression for every name matches all.
var extremes = []string{"a", "0", "\x00", strings.Repeat("x", 253)}

// parseIncluded refuses invalid expressions, and those that match every name, such as "web|",
// because they restrict nothing.
func parseIncluded(text string) (*regexp.Regexp, error) {
	re, err := parseNames(text)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(extremes, func(name string) bool { return !re.MatchString(name) }) {
		return nil, fmt.Errorf("%q matches every name: omit it, or restrict it", text)
	}
	return re, nil
}

func parseAge(text string) (time.Duration, error) {
	age, err := time.ParseDuration(text)
	if err != nil || age < 0 {
		return 0, fmt.Errorf("%q is not a duration such as 1h30m or 90s, from 0", text)
	}
	return age, nil
}
