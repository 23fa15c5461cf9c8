package realnode

import "text/template"

// Paths within a node, which has its own /run, /var/lib and /var/log.
const (
	containerdSocket = "/run/containerd/containerd.sock"
	kubeletRoot      = "/var/lib/kubelet"
	podLogs          = "/var/log/pods"
)

// containerdConfig has version 2, which containerd 1.6 to 2 support.
var containerdConfig = template.Must(template.New("containerd").Parse(`version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{{.Containerd}}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{{.Pause}}"
  # Whoever runs the playground may not have the right to give a process a lower value than its own.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{{.Plugins}}"
    conf_dir = "{{.Dir}}/cni"
`))

// cniConfig connects pods to the bridge of the node.
var cniConfig = template.Must(template.New("cni").Parse(`{
  "cniVersion": "1.0.0", "name": "{{.Bridge}}",
  "plugins": [{
    "type": "bridge", "bridge": "{{.Bridge}}", "hairpinMode": true,
    "ipam": {
      "type": "host-local",
      "ranges": [[{"subnet": "{{.Network}}", "rangeStart": "{{.PodsFirst}}", "rangeEnd": "{{.PodsLast}}", "gateway": "{{.Gateway}}"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
`))

// kubeletConfig does not change the machine: the kubelet fails if kernel settings differ from
// the required ones, creates no packet filter rules, and neither evicts pods nor deletes
// images because of disk pressure until the disk is almost full, because the disk is not its
// own.
var kubeletConfig = template.Must(template.New("kubelet").Parse(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: {{.Address}}
healthzBindAddress: 127.0.0.1
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: false}
  x509: {clientCAFile: "{{.CAFile}}"}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix://{{.Containerd}}
cgroupDriver: cgroupfs
cgroupRoot: /{{.Group}}
failCgroupV1: false
protectKernelDefaults: true
makeIPTablesUtilChains: false
podLogsDir: {{.PodsLog}}
resolvConf: ""
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
`))
