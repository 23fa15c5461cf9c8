package upgrade

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/process"
)

// commandGrace is how long a command may take to end when the run is aborted.
const commandGrace = 10 * time.Second

// command runs the command for each node, side by side, and returns the nodes for which it has succeeded.
// It does nothing if there is no command.
func (r *Run) command(ctx context.Context, step string, nodes []*corev1.Node) (ended []*corev1.Node, err error) {
	if r.Command == "" {
		return nodes, nil
	}
	failed := make([]error, len(nodes))
	var working sync.WaitGroup
	for i, node := range nodes {
		working.Go(func() { failed[i] = r.execute(ctx, step, node) })
	}
	working.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for i, node := range nodes {
		if failed[i] == nil {
			ended = append(ended, node)
		}
	}
	return ended, errors.Join(failed...)
}

// execute runs the command for one node. Whatever it has started ends with the run.
func (r *Run) execute(ctx context.Context, step string, node *corev1.Node) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	name := fmt.Sprintf("the command to %s node %s", step, node.Name)
	p, err := process.Start(process.Spec{
		Name: name, Path: "/bin/sh", Args: []string{"-c", r.Command}, Stdout: r.Output, Stderr: r.Output,
		Env: []string{
			"KUBECONFIG=" + r.Kubeconfig, "STOWAGE_NODE=" + node.Name, "STOWAGE_NODE_UID=" + string(node.UID), "STOWAGE_PROVIDER_ID=" + node.Spec.ProviderID, "STOWAGE_POOL=" + r.Pool, "STOWAGE_STEP=" + step, "STOWAGE_WAVE=" + strconv.Itoa(len(r.waves)),
		},
	})
	if err != nil {
		return err
	}
	late := time.NewTimer(r.Timeout.Duration)
	defer late.Stop()
	select {
	case <-p.Done():
		p.StopGroup(commandGrace) // what it has left behind
		return p.Err()
	case <-ctx.Done():
		p.StopGroup(commandGrace)
		return context.Cause(ctx)
	case <-late.C:
		p.StopGroup(commandGrace)
		return exit.With(fmt.Errorf("%s was stopped: not done after %s", name, r.Timeout.Duration), exit.Failed)
	}
}
