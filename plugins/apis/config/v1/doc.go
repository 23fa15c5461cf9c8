// Package v1 holds the versioned arguments of Stowage's scheduler plugins. Users write them
// under pluginConfig in a KubeSchedulerConfiguration of version
// kubescheduler.config.k8s.io/v1.
//
// +k8s:deepcopy-gen=package
// +k8s:conversion-gen=github.com/stowage-k8s/stowage/plugins/apis/config
// +k8s:defaulter-gen=TypeMeta
// +groupName=kubescheduler.config.k8s.io
package v1
