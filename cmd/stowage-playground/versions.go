package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// buildScript builds the control plane of a version, from the root of a checkout.
const buildScript = "hack/control-plane.sh"

// buildControlPlane builds the programs of the version of Kubernetes, unless this binary runs
// as them itself or they are built.
func buildControlPlane(ctx context.Context, opts playground.Options) error {
	if opts.Kubernetes == playground.LinkedVersion {
		return nil
	}
	root := playground.Checkout(opts.Binary)
	script := filepath.Join(root, buildScript)
	if _, err := os.Stat(script); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("building the control plane of Kubernetes %s requires a checkout of the project: run bin/%s in a checkout, not %s", opts.Kubernetes, playground.BinaryName, opts.Binary)
	}
	cmd := exec.CommandContext(ctx, script, opts.Kubernetes)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	// With what it has started, the compilers among them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("building the control plane of Kubernetes %s: %s: %w", opts.Kubernetes, buildScript, err)
	}
	return nil
}
