// Package strict is what faults and probes of other modules read their arguments with, as
// those here do by internal/strict, which other modules cannot import.
package strict

import "github.com/stowage-k8s/stowage/internal/strict"

// Error is one mistake: where a field stands, and what is wrong with it.
type Error = strict.Error

// Errors are all mistakes in the arguments.
type Errors = strict.Errors

// Unmarshal reads arguments into a struct. Unknown fields, those that are given twice or
// without a value, and values of another type are Errors. So are "" for a text that has
// omitempty in its tag, and 0s for a metav1.Duration that has omitzero: they say nothing.
func Unmarshal(arguments []byte, into any) error { return strict.Unmarshal(arguments, into) }
