package realnode

import "text/template"

// Where things are within a node, whose /run, /var/lib and /var/log are its own.
const (
	containerdSocket = "/run/containerd/containerd.sock"
	kubeletRoot      = "/var/lib/kubelet"
	podLogs          = "/var/log/pods"
)

// containerdConfig is of version 2, which containerd 1.6 to 2 read.
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

// cniConfig plugs pods into the bridge that the node itself is plugged into.
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

// kubeletConfig leaves the machine as it is: it fails on kernel settings that are not as it
// wants them, makes no packet filter rules, and neither evicts pods nor deletes images for
// want of room on a disk that is not its own, but at the very end.
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
