// Package realnode runs real nodes beside a playground's fake ones: a kubelet and a
// containerd each, in namespaces of their own, so that a node is to its pods what a machine
// would be, and all of it, mounts and networks included, ends with its first process.
//
// Outside of these namespaces a node has a folder within the playground's, and control
// groups within that of the playground's name.
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

// install is what Debian's and Ubuntu's packages are called.
const install = "apt-get install --no-install-recommends containerd runc containernetworking-plugins"

var (
	programs = []string{"containerd", "containerd-shim-runc-v2", "ctr", "runc"}
	// plugins are those that connect containers, pluginFolders where distributions and
	// others put them.
	plugins       = []string{"bridge", "host-local", "loopback"}
	pluginFolders = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}
)

// Check says in one line what this machine lacks for real nodes; nil if nothing. It changes
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

// pluginFolder returns the first folder that has all the plugins.
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
