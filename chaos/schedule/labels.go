package schedule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/spelling"
)

// A workload opts in by labels or annotations of its own, with one of these prefixes before
// the names below. Where it has our EnabledKey, those of kube-monkey are not looked at.
const (
	ourPrefix        = "chaos.stowage.dev/"
	kubeMonkeyPrefix = "kube-monkey/"

	enabledName     = "enabled"
	identifierName  = "identifier"
	mtbfName        = "mtbf"
	killModeName    = "kill-mode"
	killValueName   = "kill-value"
	minWorkdaysName = "min-workdays" // ours only

	// EnabledKey is the label or annotation that opts in with "enabled" or "true", and out
	// with "disabled" or "false".
	EnabledKey = ourPrefix + enabledName
)

var (
	kubeMonkeyKeys = []string{
		kubeMonkeyPrefix + enabledName, kubeMonkeyPrefix + identifierName, kubeMonkeyPrefix + mtbfName,
		kubeMonkeyPrefix + killModeName, kubeMonkeyPrefix + killValueName,
	}
	ourKeys = []string{
		EnabledKey, ourPrefix + identifierName, ourPrefix + mtbfName,
		ourPrefix + killModeName, ourPrefix + killValueName, ourPrefix + minWorkdaysName,
	}
	knownKeys = slices.Concat(ourKeys, kubeMonkeyKeys)
)

// reader reads the labels and annotations of one workload, and collects what is wrong.
type reader struct {
	key                 string
	labels, annotations map[string]string
	// prefix is that of the keys that count; empty where the workload does not opt in.
	prefix   string
	problems []Problem
}

func newReader(key string, object metav1.Object) *reader {
	r := &reader{key: key, labels: object.GetLabels(), annotations: object.GetAnnotations()}
	r.findSlips("label", r.labels)
	r.findSlips("annotation", r.annotations)
	return r
}

func (r *reader) problem(what, allowed string) {
	r.problems = append(r.problems, Problem{r.key, what, allowed})
}

// wrong is a problem with the value of a key.
func (r *reader) wrong(name, value, what, allowed string) {
	r.problem(fmt.Sprintf("%s: %q %s", r.name(name), value, what), allowed)
}

// name returns a key with what it is.
func (r *reader) name(name string) string {
	if _, is := r.labels[r.prefix+name]; !is {
		if _, is := r.annotations[r.prefix+name]; is {
			return "annotation " + r.prefix + name
		}
	}
	return "label " + r.prefix + name
}

// get returns the value of a label or annotation with the prefix that counts.
func (r *reader) get(name string) (value string, there bool) {
	label, labelled := r.labels[r.prefix+name]
	annotation, annotated := r.annotations[r.prefix+name]
	if labelled && annotated && label != annotation {
		r.problem(fmt.Sprintf("label %s is %q, but the annotation is %q", r.prefix+name, label, annotation), "the same value in both, or only one of them")
	}
	if labelled {
		return label, true
	}
	return annotation, annotated
}

// optedIn says whether the workload has opted in, and sets the prefix that counts.
func (r *reader) optedIn() bool {
	for _, prefix := range []string{ourPrefix, kubeMonkeyPrefix} {
		r.prefix = prefix
		value, there := r.get(enabledName)
		if !there {
			continue
		}
		if prefix == kubeMonkeyPrefix {
			r.findMixed()
		}
		yes, no := []string{"enabled", "true"}, []string{"disabled", "false"}
		if prefix == kubeMonkeyPrefix {
			yes = yes[:1] // to kube-monkey, anything else is no
		}
		switch allowed := slices.Concat(yes, no); {
		case slices.Contains(yes, value):
			return true
		case !slices.Contains(no, value):
			r.wrong(enabledName, value, "is not a valid value"+didYouMean(value, allowed), strings.Join(allowed, ", "))
		}
		return false
	}
	return false
}

// findMixed finds keys of ours beside an opt-in by kube-monkey's name, which would not count.
func (r *reader) findMixed() {
	for _, key := range ourKeys {
		_, labelled := r.labels[key]
		_, annotated := r.annotations[key]
		if labelled || annotated {
			r.problem(fmt.Sprintf("%s is set without %s, but with %s", key, EnabledKey, kubeMonkeyPrefix+enabledName), "keys with one of the prefixes only")
		}
	}
}

// findSlips finds keys that look like known ones and are not: what they should say would not count.
func (r *reader) findSlips(what string, all map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if slices.Contains(knownKeys, key) || !claimed(key) {
			continue
		}
		allowed := kubeMonkeyKeys
		if strings.Contains(key, "stowage") {
			allowed = ourKeys
		}
		r.problem(fmt.Sprintf("unknown %s %s%s", what, key, didYouMean(key, knownKeys)), strings.Join(allowed, ", "))
	}
}

// claimed says whether a key that is not known looks like one that is. What kube-monkey's
// prefix has is all kube-monkey's; under ours there is more than opt-ins.
func claimed(key string) bool {
	key = strings.ToLower(key)
	slips := 3
	switch {
	case strings.HasPrefix(key, kubeMonkeyPrefix):
		return true
	case strings.HasPrefix(key, ourPrefix):
		slips = 2
	}
	return slices.ContainsFunc(knownKeys, func(known string) bool { return edits(key, known, slips) <= slips })
}

// didYouMean returns a remark on what a misspelled word may stand for, or nothing.
func didYouMean(word string, known []string) string {
	best, fewest := "", 4
	for _, candidate := range known {
		if n := edits(strings.ToLower(word), strings.ToLower(candidate), fewest); n < min(fewest, len(candidate)/2+1) {
			best, fewest = candidate, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// edits returns how far apart two words are, or more than most where their lengths tell that already.
func edits(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	return spelling.Edits(a, b)
}
