// Package strict reads YAML and JSON into Go values and takes no slip for anything else:
// fields that are unknown, given twice or without a value are errors, as are values of
// another type. It goes on after an error and reports all, with line and field.
//
// Scenarios and policies are read by it. They differ in their Manner: a policy is a file of
// the upstream descheduler's, and has to mean the same here as there.
package strict

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake.
type Error struct {
	// Line is where it stands, from 1; 0 where that is not known.
	Line int
	// Path is the field, such as spec.steps[1].evict; nothing for the whole.
	Path    string
	Message string
}

func (e Error) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

// Errors are all mistakes in something.
type Errors []Error

func (e Errors) Error() string { return strings.Join(e.lines(""), "\n") }

// In returns the mistakes as an error with a line for each, in the order of the file, that
// starts with the file's name and the line. Nil where there are none.
func (e Errors) In(file string) error {
	if len(e) == 0 {
		return nil
	}
	return errors.New(strings.Join(e.lines(file), "\n"))
}

// Below returns the mistakes with paths that begin below the path, without it.
func (e Errors) Below(path string) Errors {
	below := slices.Clone(e)
	for i, err := range below {
		if Within(err.Path, path) {
			below[i].Path = strings.TrimPrefix(strings.TrimPrefix(err.Path, path), ".")
		}
	}
	return below
}

func (e Errors) lines(file string) []string {
	sorted := slices.Clone(e)
	slices.SortStableFunc(sorted, func(a, b Error) int { return cmp.Compare(a.Line, b.Line) })
	var all []string
	for _, err := range sorted {
		line := err.Error()
		switch {
		case file != "" && err.Line > 0:
			line = fmt.Sprintf("%s:%d: %s", file, err.Line, line)
		case file != "":
			line = file + ": " + line
		}
		all = append(all, line)
	}
	return slices.Compact(all)
}

// OneOf lists names for a message, in order.
func OneOf(names []string) string {
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}
