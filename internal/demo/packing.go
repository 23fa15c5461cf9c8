package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/manifests"
	"github.com/stowage-k8s/stowage/internal/report"
)

const (
	// schedulerProgram is the program that the act is about.
	schedulerProgram = "stowage-scheduler"
	// systemNamespace and account are stowage-scheduler's in config/scheduler/rbac.yaml,
	// lease its lease's name in config/scheduler/config.yaml.
	systemNamespace = "stowage-system"
	account         = "stowage-scheduler"
	lease           = "stowage-scheduler"
)

// pack is the act of the secondary scheduler: the same workloads, first all placed
// by the default scheduler, then those that ask for it by stowage-scheduler.
func (d *demo) pack(ctx context.Context) error {
	other, workloads, err := loadWorkloads("packing")
	if err != nil {
		return err
	}
	var plain []workload
	for _, w := range workloads {
		plain = append(plain, w.byDefault())
	}

	d.live.Println("\nWithout Stowage: the default scheduler places all workloads")
	if err := d.applier.Apply(ctx, other...); err != nil {
		return err
	}
	before, err := d.round(ctx, plain)
	if err != nil {
		return err
	}
	d.laps.Lap("%d pods placed by the default scheduler and Running", before.all.Placed)
	if err := d.clear(ctx); err != nil {
		return err
	}
	d.laps.Lap("all pods deleted")

	d.live.Println("\nWith Stowage: the same workloads, with stowage-scheduler and the default scheduler")
	if err := d.startScheduler(ctx); err != nil {
		return err
	}
	d.laps.Lap("stowage-scheduler installed and elected as leader")
	if err := d.applier.Apply(ctx, other...); err != nil {
		return err
	}
	after, err := d.round(ctx, workloads)
	if err != nil {
		return err
	}
	d.laps.Lap("%d pods placed by both schedulers and Running", after.all.Placed)
	d.live.Println(packingSummary(before, after))
	headlines, section := pageOfPacking(before, after)
	d.headlines = append(d.headlines, headlines...)
	d.tell(section)
	return errors.Join(before.verdict(), after.verdict())
}

// clear deletes the workloads and waits until they are gone.
func (d *demo) clear(ctx context.Context) error {
	namespaces := d.client.CoreV1().Namespaces()
	if err := namespaces.Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("deleting the workloads: %w", err)
	}
	return wait.PollUntilContextCancel(ctx, refresh, true, func(ctx context.Context) (bool, error) {
		_, err := namespaces.Get(ctx, namespace, metav1.GetOptions{})
		left := d.observer.Counts().Total()
		d.live.Show(fmt.Sprintf("deleting pods: %d left", left))
		return apierrors.IsNotFound(err) && left == 0, nil
	})
}

// startScheduler installs stowage-scheduler as a user would, runs it with its
// service account's token, and waits until it leads.
func (d *demo) startScheduler(ctx context.Context) error {
	objects, err := manifests.Decode(config.SchedulerRBAC)
	if err != nil {
		return err
	}
	if err := d.applier.Apply(ctx, objects...); err != nil {
		return err
	}
	kubeconfig, err := d.play.ServiceAccountKubeconfig(ctx, systemNamespace, account)
	if err != nil {
		return err
	}
	cfg, err := d.play.RESTConfig()
	if err != nil {
		return err
	}
	scheduler, err := d.play.StartVital(d.abort, schedulerProgram, "--kubeconfig", kubeconfig, "--secure-port", "0",
		// It is alone, and must not lose the lead where there is hardly any processor time.
		"--leader-elect-lease-duration", "10m", "--leader-elect-renew-deadline", "9m",
		"--kube-api-qps", fmt.Sprint(cfg.QPS), "--kube-api-burst", fmt.Sprint(cfg.Burst))
	if err != nil {
		return err
	}
	d.end(scheduler.Kill)
	return wait.PollUntilContextCancel(ctx, refresh, true, func(ctx context.Context) (bool, error) {
		lease, err := d.client.CoordinationV1().Leases(systemNamespace).Get(ctx, lease, metav1.GetOptions{})
		return err == nil && lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "", nil
	})
}

// packingSummary shows the two rounds side by side.
func packingSummary(before, after outcome) string {
	var b strings.Builder
	section := func(title string, rows [][]string) { fmt.Fprintf(&b, "\n%s\n%s", title, report.Table(rows)) }
	columns := []string{"", "without Stowage", "with Stowage"}
	section("Pods with a node, by spec.schedulerName", [][]string{
		columns,
		{corev1.DefaultSchedulerName, strconv.Itoa(before.byScheduler[corev1.DefaultSchedulerName]), strconv.Itoa(after.byScheduler[corev1.DefaultSchedulerName])},
		{schedulerName, strconv.Itoa(before.byScheduler[schedulerName]), strconv.Itoa(after.byScheduler[schedulerName])},
	})
	section("Workloads with spec.schedulerName: stowage, placed by", packingRows(before.packing, after.packing, "default-scheduler", schedulerName))
	section("All workloads", packingRows(before.all, after.all, columns[1], columns[2]))
	section("Time since the first workload was applied", [][]string{
		columns,
		{"every pod has a node", seconds(before.bound), seconds(after.bound)},
		{"every pod is Running", seconds(before.running), seconds(after.running)},
		{"pods rejected by a full node", strconv.Itoa(before.refused), strconv.Itoa(after.refused)},
	})
	b.WriteString(`
lower bound  no placement needs fewer nodes: per resource, requested ÷ a node's allocatable
in use       requested ÷ allocatable, by all pods on the nodes used
stranded     free where too little of another resource is free for a typical pod (the
             median request), ÷ the cluster's allocatable
refused      two schedulers chose a node at once, and it had room for one pod only
`)
	return b.String()
}

// packingRows compares two packings of the same pods.
func packingRows(before, after cluster.Packing, beforeName, afterName string) [][]string {
	rows := [][]string{
		{"", beforeName, afterName},
		{"pods with a node / all", fmt.Sprintf("%d / %d", before.Placed, before.Pods), fmt.Sprintf("%d / %d", after.Placed, after.Pods)},
		{"nodes used", strconv.Itoa(before.NodesUsed), strconv.Itoa(after.NodesUsed)},
		{"  lower bound", strconv.Itoa(before.LowerBound), strconv.Itoa(after.LowerBound)},
	}
	for _, r := range before.Resources {
		rows = append(rows, []string{fmt.Sprintf("%s in use", r.Name), percent(r.Utilisation), percent(after.Resource(r.Name).Utilisation)})
	}
	for _, r := range before.Resources {
		rows = append(rows, []string{fmt.Sprintf("%s stranded", r.Name), percent(r.Stranded), percent(after.Resource(r.Name).Stranded)})
	}
	return rows
}

func percent(fraction float64) string { return fmt.Sprintf("%.1f %%", 100*fraction) }

func seconds(d time.Duration) string {
	if d == 0 {
		return "never"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
