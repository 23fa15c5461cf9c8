package undo

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/standin"
)

// standInRun begins the name of a run on its stand-ins: other programs create stand-ins, too.
const standInRun = "stowage-chaos "

// StandIn records that a stand-in for the pod will be created, and returns the name of the run that
// it must carry. Restore ends the move, see standin.Mover.
func (u *Undo) StandIn(pod *corev1.Pod) (run string, err error) {
	return standInRun + u.run, u.record(journal.Change{Object: podObject(pod.Namespace, pod.Name), What: "to be replaced by a stand-in"})
}

// EndMoves ends the moves by stand-ins that the run has begun, as Restore does.
func (u *Undo) EndMoves(ctx context.Context) ([]standin.Restored, error) {
	return (&restorer{client: u.client, run: u.run}).endMoves(ctx)
}

func podObject(namespace, name string) string { return fmt.Sprintf("Pod %s/%s", namespace, name) }

// EndOfMove says what has become of a pod that was to be moved by a stand-in.
func EndOfMove(namespace, pod string, outcome standin.Outcome) journal.Change {
	what := map[standin.Outcome]string{
		standin.Moved: "replaced by its stand-in", standin.NotMoved: "no stand-in is left", standin.Kept: "its stand-in is another pod of its workload",
	}[outcome]
	return journal.Change{Object: podObject(namespace, pod), What: what, Move: true}
}

// endMoves finishes what is handed over, and undoes everything else.
func (r *restorer) endMoves(ctx context.Context) ([]standin.Restored, error) {
	mover := standin.New(standin.Options{Client: r.client, Clock: clock.RealClock{}, Mine: func(run string) bool {
		id, ours := strings.CutPrefix(run, standInRun)
		return ours && r.mine(id)
	}})
	return mover.Restore(ctx, metav1.NamespaceAll)
}

// standIns ends moves by stand-ins.
func (r *restorer) standIns(ctx context.Context) error {
	ended, err := r.endMoves(ctx)
	for _, e := range ended {
		c := EndOfMove(e.Namespace, e.Pod, e.Outcome)
		r.done(c.Object, c.What)
	}
	return err
}

// standInsLeft returns the stand-ins of runs whose moves are not over.
func standInsLeft(ctx context.Context, client kubernetes.Interface) ([]string, error) {
	list, err := client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: cluster.StandInLabel + "=" + cluster.OfStandIn})
	if err != nil {
		return nil, fmt.Errorf("listing stand-ins: %w", err)
	}
	var left []string
	for i := range list.Items {
		pod := &list.Items[i]
		if run, ours := strings.CutPrefix(standin.RunOf(pod), standInRun); ours && !leaving(pod.ObjectMeta) {
			left = append(left, fmt.Sprintf("%s: stand-in of run %s", podObject(pod.Namespace, pod.Name), run))
		}
	}
	return left, nil
}
