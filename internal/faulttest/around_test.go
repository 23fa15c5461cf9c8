package faulttest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/stowage-k8s/stowage/internal/faultproxy"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/process"
)

// The faults around the proxy. A run has at most one of these, which its seed draws.
const (
	apiServerKilled faultproxy.Kind = "API server killed"
	etcdPaused      faultproxy.Kind = "etcd paused"
	compacted       faultproxy.Kind = "history compacted"
	rightsWithdrawn faultproxy.Kind = "rights withdrawn"
	othersScale     faultproxy.Kind = "scaled by others"
	othersDelete    faultproxy.Kind = "pods deleted by others"
	othersUncordon  faultproxy.Kind = "nodes uncordoned by others"
	journalFull     faultproxy.Kind = "disk of the journal full"
	secondRun       faultproxy.Kind = "second run"
	leaseOutlived   faultproxy.Kind = "paused beyond its lease"
)

// around are the faults that runs of a program can have, besides that it is paused.
var around = map[string][]faultproxy.Kind{
	"stowage-scheduler":   {apiServerKilled, etcdPaused, compacted, rightsWithdrawn, othersDelete},
	"stowage-descheduler": {apiServerKilled, etcdPaused, compacted, rightsWithdrawn, othersScale, othersDelete, secondRun},
	"stowage-chaos":       {apiServerKilled, etcdPaused, compacted, rightsWithdrawn, othersScale, othersDelete, othersUncordon, journalFull, secondRun},
}

// ofAll are the faults that all programs have at the same time.
var ofAll = []faultproxy.Kind{apiServerKilled, etcdPaused, compacted}

// cluster is held by runs, and by a run with a fault of all for itself.
var cluster sync.RWMutex

// drawAround draws the fault around the proxy, and holds the cluster until the end of the test.
func (tr *trial) drawAround(t *testing.T) {
	draw := rand.New(rand.NewPCG(tr.seed, 2))
	if kinds := around[tr.program]; draw.IntN(4) > 0 {
		tr.around = kinds[draw.IntN(len(kinds))]
	}
	tr.aroundDraw = draw
	if slices.Contains(ofAll, tr.around) {
		cluster.Lock()
		t.Cleanup(cluster.Unlock)
	} else {
		cluster.RLock()
		t.Cleanup(cluster.RUnlock)
	}
}

// beginAround has the fault begin after some of the requests that write, at most so many. The
// returned function ends it, and waits until all is as before.
func (tr *trial) beginAround(t *testing.T, most int, proxies ...*faultproxy.Proxy) (end func()) {
	t.Helper()
	inject := tr.injections(t)[tr.around]
	if inject == nil {
		return func() {}
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	at, begun := int64(1+tr.aroundDraw.IntN(most)), make(chan struct{})
	var writes atomic.Int64
	for _, proxy := range proxies {
		proxy.OnWrite(func(int) {
			if writes.Add(1) == at {
				close(begun)
			}
		})
	}
	var done sync.WaitGroup
	done.Go(func() {
		select {
		case <-begun:
			if err := inject(ctx); err != nil {
				t.Errorf("%s: %v", tr.around, err)
			}
			tr.injected(tr.around)
		case <-ctx.Done():
		}
	})
	end = func() {
		stop()
		done.Wait()
	}
	t.Cleanup(end)
	return end
}

// alone reports whether only the program's run removes pods.
func (tr *trial) alone() bool { return tr.around != secondRun && tr.othersRemove.Load() == 0 }

// second is a run of the program beside the first one; nil for none.
type second struct {
	proxy   *faultproxy.Proxy
	program *process.Process
}

// beginSecond starts a second run, if it is drawn, with arguments for a kubeconfig and a folder.
func (tr *trial) beginSecond(t *testing.T, args func(kubeconfig, dir string) []string) *second {
	t.Helper()
	if tr.around != secondRun {
		return nil
	}
	proxy, kubeconfig := tr.proxy(t)
	proxy.Break()
	tr.injected(secondRun)
	return &second{proxy, tr.start(t, args(kubeconfig, t.TempDir())...)}
}

// awaitEnd waits until the second run has ended, with one of these exit codes.
func (s *second) awaitEnd(t *testing.T, documented ...int) {
	t.Helper()
	if s != nil {
		checkExit(t, nil, exitCode(t, s.program), documented...)
		s.proxy.Heal()
	}
}

// injected counts a fault around the proxy.
func (tr *trial) injected(kind faultproxy.Kind) {
	mu.Lock()
	defer mu.Unlock()
	injected[kind]++
	tr.log = append(tr.log, fmt.Sprintf("%s %s", time.Now().Format("15:04:05.000"), kind))
}

// injections are the faults that are injected while the program runs. Each lasts for at most a
// few seconds, or until the context ends, and returns when all is as before.
func (tr *trial) injections(t *testing.T) map[faultproxy.Kind]func(context.Context) error {
	lasts := time.Duration(1000+tr.aroundDraw.IntN(2500)) * time.Millisecond
	number := 1 + tr.aroundDraw.IntN(2)
	others := context.WithoutCancel(t.Context())
	return map[faultproxy.Kind]func(context.Context) error{
		apiServerKilled: func(context.Context) error {
			if err := play.Signal(playground.APIServer, syscall.SIGKILL); err != nil {
				return err
			}
			playgroundtest.Eventually(t, "the API server is killed", func(ctx context.Context) (bool, string) { return !ready(ctx), "" })
			playgroundtest.Eventually(t, "the API server is ready again", func(ctx context.Context) (bool, string) { return ready(ctx), "" })
			return nil
		},
		etcdPaused: func(ctx context.Context) error {
			if err := play.Signal(playground.Etcd, syscall.SIGSTOP); err != nil {
				return err
			}
			pause(ctx, lasts)
			return play.Signal(playground.Etcd, syscall.SIGCONT)
		},
		compacted: func(ctx context.Context) error {
			last := int64(0)
			for begin := time.Now(); time.Since(begin) < lasts && ctx.Err() == nil; pause(ctx, 200*time.Millisecond) {
				now, err := etcd.Get(others, "/registry/health")
				if err == nil && now.Header.Revision > last {
					last = now.Header.Revision
					_, err = etcd.Compact(others, last, clientv3.WithCompactPhysical())
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
		rightsWithdrawn: func(ctx context.Context) error {
			if err := client.RbacV1().ClusterRoleBindings().Delete(others, tr.namespace, metav1.DeleteOptions{}); err != nil {
				return err
			}
			pause(ctx, lasts)
			return tr.grant(others)
		},
		othersScale: func(ctx context.Context) error {
			tr.othersRemove.Add(int64(number))
			d, err := client.AppsV1().Deployments(tr.namespace).Get(others, "web", metav1.GetOptions{})
			if err != nil {
				return err
			}
			before := int(*d.Spec.Replicas)
			tr.scale(t, before+number)
			pause(ctx, lasts)
			tr.scale(t, before)
			return nil
		},
		othersDelete: func(ctx context.Context) error {
			var pods *corev1.PodList
			playgroundtest.Eventually(t, "there are pods to delete", func(ctx context.Context) (bool, string) {
				var err error
				pods, err = client.CoreV1().Pods(tr.namespace).List(ctx, metav1.ListOptions{})
				return err == nil && len(pods.Items) > 0, fmt.Sprint(err)
			})
			tr.aroundDraw.Shuffle(len(pods.Items), func(i, j int) { pods.Items[i], pods.Items[j] = pods.Items[j], pods.Items[i] })
			for _, pod := range pods.Items[:min(number, len(pods.Items))] {
				tr.othersRemove.Add(1)
				if err := client.CoreV1().Pods(tr.namespace).Delete(others, pod.Name, metav1.DeleteOptions{}); err != nil {
					tr.othersRemove.Add(-1) // it is gone already
				}
				pause(ctx, lasts/4)
			}
			return nil
		},
		othersUncordon: func(ctx context.Context) error {
			for begin := time.Now(); time.Since(begin) < lasts && ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
				nodes, err := client.CoreV1().Nodes().List(others, metav1.ListOptions{LabelSelector: "for=chaos", FieldSelector: "spec.unschedulable=true"})
				if err != nil {
					return err
				}
				for _, node := range nodes.Items {
					if _, err := client.CoreV1().Nodes().Patch(others, node.Name, types.MergePatchType, []byte(`{"spec":{"unschedulable":null}}`), metav1.PatchOptions{}); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

// pause waits, unless the context ends before.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil
}

// account is the service account that the program is to the API server, so that its rights can
// be withdrawn.
const account = "default"

// asAccount returns a configuration with the rights of the trial's service account.
func (tr *trial) asAccount(config *rest.Config) *rest.Config {
	config.Impersonate.UserName = "system:serviceaccount:" + tr.namespace + ":" + account
	return config
}

// grant gives the service account its rights, and waits until they are known.
func (tr *trial) grant(ctx context.Context) error {
	if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: tr.namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: tr.namespace, Name: account}},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	return playgroundtest.AwaitAllowed(ctx, client, tr.namespace, account, authorizationv1.ResourceAttributes{Verb: "list", Resource: "nodes"})
}

// smallDisk mounts a disk that is full after one or two pages.
func (tr *trial) smallDisk(t *testing.T) (dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	dir = t.TempDir()
	size := fmt.Sprintf("size=%d", os.Getpagesize()<<tr.aroundDraw.IntN(2))
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// isFull reports whether no page is left on the disk of a folder.
func isFull(t *testing.T, dir string) bool {
	t.Helper()
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	return disk.Bavail == 0
}

// kinds are all kinds of faults, those of the proxy first.
func kinds() []faultproxy.Kind {
	all := slices.Clone(faultproxy.Kinds)
	for _, program := range slices.Sorted(maps.Keys(around)) {
		for _, kind := range around[program] {
			if !slices.Contains(all, kind) {
				all = append(all, kind)
			}
		}
	}
	return append(all, leaseOutlived)
}
