// Package strict parses the arguments of faults and probes in other modules, which cannot import
// internal/strict.
package strict

import "github.com/stowage-k8s/stowage/internal/strict"

// Error is one mistake: the path of a field, and what is wrong with it.
type Error = strict.Error

// Errors are all mistakes in the arguments.
type Errors = strict.Errors

// Unmarshal parses arguments into a struct. Unknown fields, duplicate fields, fields without a
// value and values of another type are Errors. So are "" for a text with omitempty in its tag,
// and 0s for a metav1.Duration with omitzero, because they have no meaning.
func Unmarshal(arguments []byte, into any) error { return strict.Unmarshal(arguments, into) }
