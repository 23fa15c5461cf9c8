// Package version says which build of Stowage this is.
package version

import (
	"fmt"

	kubernetes "k8s.io/component-base/version"
)

// stowage is set at link time, from the state of the repository.
var stowage = "unknown"

// Line returns what a program prints for --version.
func Line(program string) string {
	return fmt.Sprintf("%s %s (Kubernetes %s)", program, stowage, kubernetes.Get().GitVersion)
}

// Stowage returns the version of Stowage alone.
func Stowage() string { return stowage }
