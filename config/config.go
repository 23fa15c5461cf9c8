// Package config embeds the configuration that the programs fall back on.
package config

import (
	"embed"
)

// DefaultPool is the node pool of the demo and of `stowage-playground up`.
//
//go:embed pools/default.yaml
var DefaultPool []byte

// Scheduler is the configuration that stowage-scheduler runs with unless it is
// given another.
//
//go:embed scheduler/config.yaml
var Scheduler []byte

// SchedulerRBAC is what stowage-scheduler needs in a cluster before it can run there.
//
//go:embed scheduler/rbac.yaml
var SchedulerRBAC []byte

// Demo holds the workloads of the demo: a folder for each of its acts, a file for
// each workload, and what all acts share beside them.
//
//go:embed demo
var Demo embed.FS
