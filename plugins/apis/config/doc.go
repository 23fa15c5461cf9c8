// Package config holds the internal types of the arguments of Stowage's scheduler plugins.
// Users write the versioned types (package v1) under pluginConfig in a
// KubeSchedulerConfiguration. Plugins receive the internal types with all defaults.
//
// +k8s:deepcopy-gen=package
// +groupName=kubescheduler.config.k8s.io
package config
