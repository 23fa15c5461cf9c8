package realnode

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"text/template"

	"golang.org/x/sys/unix"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/cgroups"
)

// Namespaces are the namespaces that a node's first process gets.
const Namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// configFile is the configuration of a node's first process.
const configFile = "node.json"

// Options describe a node.
type Options struct {
	// Number identifies a node of a playground, from 1 to 254.
	Number int
	// Dir is the node's directory, which is created.
	Dir string
	// Group is the control group of the playground.
	Group string
	// CAFile is the CA of clients that may connect to the kubelet.
	CAFile string
	// Kubeconfig writes the kubeconfig of the kubelet, whose name is that of the node.
	Kubeconfig func(path, node string) error
	// Images are image archives to import.
	Images []string
}

// Name returns the name of a node.
func Name(number int) string { return fmt.Sprintf("real-%d", number) }

// node is the configuration of a node's first process.
type node struct {
	Name, Dir, Group, CAFile string
	Address                  netip.Addr
	Images                   []string
	// Plugins is the directory of the CNI plugins.
	Plugins string
	// PodsFirst and PodsLast are the range of addresses for the node's pods.
	PodsFirst, PodsLast netip.Addr
}

// Prepare writes the files of a node, and returns the configuration of its first process: see
// Run.
func Prepare(opts Options) (config string, err error) {
	plugins, err := pluginFolder()
	if err != nil {
		return "", err
	}
	part := network.Addr().As4()
	part[2] = byte(opts.Number)
	at := func(last byte) netip.Addr { part[3] = last; return netip.AddrFrom4(part) }
	n := node{
		Name: Name(opts.Number), Dir: opts.Dir, Group: opts.Group + "/" + Name(opts.Number), CAFile: opts.CAFile,
		Address: at(1), PodsFirst: at(2), PodsLast: at(254),
		Images: opts.Images, Plugins: plugins,
	}
	for _, dir := range []string{n.path("lib"), n.path("log"), n.path("cni"), n.path("sys")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	if err := opts.Kubeconfig(n.path("kubeconfig"), n.Name); err != nil {
		return "", err
	}
	for file, text := range map[string]*template.Template{
		"containerd.toml": containerdConfig, "cni/10-pods.conflist": cniConfig, "kubelet.yaml": kubeletConfig,
	} {
		if err := n.write(file, text); err != nil {
			return "", fmt.Errorf("setting up real node %s: %w", n.Name, err)
		}
	}
	data, err := json.Marshal(n)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(n.path(configFile), data, 0o600); err != nil {
		return "", err
	}
	// The kubelet's pods are in a sibling of the node's own group: in v2, a group with
	// subgroups must not contain processes.
	return n.path(configFile), cgroups.Make(n.system())
}

func (n *node) path(name string) string { return filepath.Join(n.Dir, name) }

// system is the control group of containerd and the kubelet.
func (n *node) system() string { return n.Group + "/system" }

func (n *node) write(file string, text *template.Template) error {
	f, err := os.Create(n.path(file))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := text.Execute(f, n); err != nil {
		return err
	}
	return f.Close()
}

// Values that are equal for all nodes, for the templates.
func (n *node) Gateway() netip.Addr   { return gateway }
func (n *node) Network() netip.Prefix { return network }
func (n *node) Bridge() string        { return bridgeName }
func (n *node) Containerd() string    { return containerdSocket }
func (n *node) Pause() string         { return playground.PauseImage }
func (n *node) PodsLog() string       { return podLogs }
