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

// buildControlPlane builds the programs of a Kubernetes version, unless they are built or
// this binary contains them.
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
	// Kill the whole process group, including compilers.
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
