// Package realnode runs real nodes in addition to a playground's fake ones: each is a kubelet
// and a containerd in their own namespaces, so that a node looks like a machine to its pods,
// and everything, including mounts and networks, ends with its first process.
//
// Outside of these namespaces, a node has a directory within that of the playground, and
// control groups within that of the playground.
package realnode

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/stowage-k8s/stowage/internal/playground/cgroups"
)

// install has the names of Debian's and Ubuntu's packages.
const install = "apt-get install --no-install-recommends containerd runc containernetworking-plugins"

var (
	programs = []string{"containerd", "containerd-shim-runc-v2", "ctr", "runc"}
	// plugins are the CNI plugins that connect containers. pluginFolders are the directories
	// in which distributions and others install them.
	plugins       = []string{"bridge", "host-local", "loopback"}
	pluginFolders = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}
)

// Check returns a one-line error if this machine lacks something for real nodes. It changes
// nothing.
func Check() error {
	err := errors.Join(checkRoot(), checkPrograms(), checkKernel())
	if err == nil {
		return nil
	}
	return fmt.Errorf("real nodes cannot run here: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
}

func checkRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("root is required: run this command with sudo")
	}
	return nil
}

func checkPrograms() error {
	var missing []string
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if _, err := pluginFolder(); err != nil {
		missing = append(missing, err.Error())
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("not installed: %s (`%s`)", strings.Join(missing, ", "), install)
}

// pluginFolder returns the first directory with all plugins.
func pluginFolder() (string, error) {
	for _, dir := range pluginFolders {
		found := 0
		for _, plugin := range plugins {
			if info, err := os.Stat(filepath.Join(dir, plugin)); err == nil && info.Mode().IsRegular() {
				found++
			}
		}
		if found == len(plugins) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("the CNI plugins %s", strings.Join(plugins, ", "))
}

func checkKernel() error {
	systems, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return fmt.Errorf("reading the supported file systems: %w", err)
	}
	var overlay error
	if !strings.Contains(string(systems), "\toverlay\n") {
		overlay = errors.New("the kernel has no overlay file system (`modprobe overlay`)")
	}
	return errors.Join(overlay, cgroups.Check())
}
