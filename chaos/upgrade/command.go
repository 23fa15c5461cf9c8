package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// commandGrace is how long a command may take to end when the run is aborted.
const commandGrace = 10 * time.Second

// commands runs the command for each node, side by side. It does nothing if there is no command.
func (r *Run) commands(ctx context.Context, step string, nodes []*corev1.Node) error {
	if r.Command == "" {
		return nil
	}
	failed := make([]error, len(nodes))
	var working sync.WaitGroup
	for i, node := range nodes {
		working.Go(func() { failed[i] = r.command(ctx, step, node) })
	}
	working.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(failed...)
}

func (r *Run) command(ctx context.Context, step string, node *corev1.Node) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout.Duration)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", r.Command)
	cmd.Env = append(os.Environ(), "STOWAGE_NODE="+node.Name, "STOWAGE_STEP="+step)
	cmd.Stdout, cmd.Stderr = r.Output, r.Output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = commandGrace
	err := cmd.Run()
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("not done after %s: %w", r.Timeout.Duration, err)
	}
	if err != nil {
		return fmt.Errorf("the command to %s node %s: %w", step, node.Name, err)
	}
	return nil
}
