// Package config holds the internal form of the arguments of Stowage's
// scheduler plugins. Users write the versioned form (package v1) under
// pluginConfig in a KubeSchedulerConfiguration; plugins receive this one, with
// every default filled in.
//
// +k8s:deepcopy-gen=package
// +groupName=kubescheduler.config.k8s.io
package config
