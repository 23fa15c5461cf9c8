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

// Namespaces are those that a node's first process gets of its own.
const Namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// configFile is what tells a node's first process what to be.
const configFile = "node.json"

// Options say what nodes are to be like.
type Options struct {
	// Number tells the nodes of a playground apart, from 1 to 254.
	Number int
	// Dir is the node's folder, which is made.
	Dir string
	// Group is the control group of the playground.
	Group string
	// CAFile is the certificate of those who may talk to the kubelet.
	CAFile string
	// Kubeconfig writes the kubeconfig of the kubelet, who has the node's name.
	Kubeconfig func(path, node string) error
	// Images are archives that the node has the images of.
	Images []string
}

// Name returns the name of a node.
func Name(number int) string { return fmt.Sprintf("real-%d", number) }

// node is what a node's first process is told.
type node struct {
	Name, Dir, Group, CAFile string
	Address                  netip.Addr
	Images                   []string
	// Plugins is the folder of the CNI plugins.
	Plugins string
	// PodsFirst and PodsLast are between what the node's pods get as addresses.
	PodsFirst, PodsLast netip.Addr
}

// Prepare writes what a node needs, and returns the configuration of its first process: see Run.
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
	// The kubelet's pods are beside what runs the node: a group that has others below it may
	// have no processes in version 2.
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

// What is the same for all nodes, for the templates.
func (n *node) Gateway() netip.Addr   { return gateway }
func (n *node) Network() netip.Prefix { return network }
func (n *node) Bridge() string        { return bridgeName }
func (n *node) Containerd() string    { return containerdSocket }
func (n *node) Pause() string         { return playground.PauseImage }
func (n *node) PodsLog() string       { return podLogs }
