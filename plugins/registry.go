// Package plugins names every scheduler plugin of Stowage.
package plugins

import (
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	_ "github.com/stowage-k8s/stowage/plugins/apis/config/scheme" // decodes the plugins' arguments
	"github.com/stowage-k8s/stowage/plugins/binpacking"
	"github.com/stowage-k8s/stowage/plugins/candidatenodes"
	"github.com/stowage-k8s/stowage/plugins/dedicatednodes"
	"github.com/stowage-k8s/stowage/plugins/indexedinterpodaffinity"
	"github.com/stowage-k8s/stowage/plugins/indexedpodtopologyspread"
	"github.com/stowage-k8s/stowage/plugins/plannednodes"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
	"github.com/stowage-k8s/stowage/plugins/scaledownorder"
	"github.com/stowage-k8s/stowage/plugins/sharednodes"
)

// NewRegistry returns Stowage's plugins by name, to be merged with the engine's own.
func NewRegistry() frameworkruntime.Registry {
	return frameworkruntime.Registry{
		binpacking.Name:               binpacking.New,
		candidatenodes.Name:           candidatenodes.New,
		dedicatednodes.Name:           dedicatednodes.New,
		indexedinterpodaffinity.Name:  indexedinterpodaffinity.New,
		indexedpodtopologyspread.Name: indexedpodtopologyspread.New,
		plannednodes.Name:             plannednodes.New,
		preemptiblenodes.Name:         preemptiblenodes.New,
		scaledownorder.Name:           scaledownorder.New,
		sharednodes.Name:              sharednodes.New,
	}
}
