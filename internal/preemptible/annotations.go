package preemptible

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Annotations of a pod template, or of a namespace for all its pods.
const (
	// ModeAnnotation reports whether pods may be on preemptible nodes: never, allow, prefer
	// or require.
	ModeAnnotation = annotationPrefix + "preemptible"
	// MaxAnnotation is the maximum number of replicas on preemptible nodes, as a number or as
	// a percentage of the desired replicas, rounded down.
	MaxAnnotation = annotationPrefix + "preemptible-max"
	// OnDemandMinAnnotation is the minimum number of replicas on other nodes, as a number or
	// as a percentage of the desired replicas, rounded up.
	OnDemandMinAnnotation = annotationPrefix + "on-demand-min"

	annotationPrefix = "stowage.dev/"
)

var annotations = []string{ModeAnnotation, MaxAnnotation, OnDemandMinAnnotation}

// maxSlips is the number of wrong characters up to which an annotation counts as a misspelled
// one of ours. It is low enough to exclude annotations of Stowage's other programs.
const maxSlips = 3

// Mode determines whether a workload may use preemptible nodes.
type Mode string

// The modes.
const (
	// Never excludes preemptible nodes.
	Never Mode = "never"
	// Allow has no preference.
	Allow Mode = "allow"
	// Prefer prefers preemptible nodes.
	Prefer Mode = "prefer"
	// Require requires preemptible nodes.
	Require Mode = "require"
)

var modes = []Mode{Never, Allow, Prefer, Require}

// Statement is the configuration from one source: the pod, its namespace or the scheduler's
// arguments. Fields that it does not set are nil.
type Statement struct {
	Mode        *Mode
	Max         *Replicas
	OnDemandMin *Replicas
	// Hard means that pods wait rather than violate it.
	Hard bool
}

// ParseAnnotations parses the annotations of a pod or a namespace. Invalid values are errors,
// and so are misspelled annotations, because a typo must not disable a limit.
func ParseAnnotations(all map[string]string) (Statement, error) {
	var s Statement
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if !Claimed(key) {
			continue
		}
		if err := s.parse(key, all[key]); err != nil {
			return Statement{}, fmt.Errorf("annotation %s: %q %w", key, all[key], err)
		}
	}
	if s.Mode != nil && *s.Mode == Require && (s.Max != nil || s.OnDemandMin != nil) {
		return Statement{}, fmt.Errorf("annotation %s: require cannot be combined with %s or %s", ModeAnnotation, MaxAnnotation, OnDemandMinAnnotation)
	}
	return s, nil
}

// Claimed reports whether an annotation is one of ours, or is similar to one.
func Claimed(key string) bool {
	if strings.HasPrefix(key, ModeAnnotation) || strings.HasPrefix(key, annotationPrefix+"on-demand") {
		return true
	}
	return slices.ContainsFunc(annotations, func(known string) bool {
		longer := len(key) - len(known)
		return -maxSlips <= longer && longer <= maxSlips && spelling.Edits(key, known) <= maxSlips
	})
}

func (s *Statement) parse(key, value string) error {
	switch key {
	case ModeAnnotation:
		mode := Mode(value)
		if !slices.Contains(modes, mode) {
			return fmt.Errorf("must be one of never, allow, prefer, require")
		}
		s.Mode = &mode
		return nil
	case MaxAnnotation:
		return parseLimit(&s.Max, value)
	case OnDemandMinAnnotation:
		return parseLimit(&s.OnDemandMin, value)
	}
	return fmt.Errorf("belongs to an unknown annotation: its name must be one of %s", strings.Join(annotations, ", "))
}

func parseLimit(limit **Replicas, value string) error {
	replicas, err := ParseReplicas(value)
	*limit = &replicas
	return err
}
