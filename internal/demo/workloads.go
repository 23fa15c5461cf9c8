package demo

import (
	"fmt"
	"io/fs"
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/manifests"
)

const (
	// namespace is where the workloads are; it goes between two rounds.
	namespace = "demo"
	// schedulerName is what workloads name to be placed by stowage-scheduler.
	schedulerName = "stowage"
)

// workload is one of the demo's Deployments, StatefulSets or Jobs.
type workload struct {
	object *unstructured.Unstructured
	// app is the value of the pods' label app.
	app string
	// pods is how many there are.
	pods int
	// stowage says that it asks for stowage-scheduler in config/demo/packing.
	stowage bool
	// scheduler is the scheduler that its pods name.
	scheduler string
}

// loadWorkloads reads what an act needs of config/demo: what all acts share, and the
// act's workloads by name.
func loadWorkloads(act string) (other []*unstructured.Unstructured, workloads []workload, err error) {
	shared, err := fs.Glob(config.Demo, "demo/*.yaml")
	if err != nil {
		return nil, nil, err
	}
	own, err := fs.Glob(config.Demo, path.Join("demo", act, "*.yaml"))
	if err != nil {
		return nil, nil, err
	}
	for _, file := range append(shared, own...) {
		data, err := fs.ReadFile(config.Demo, file)
		if err != nil {
			return nil, nil, err
		}
		objects, err := manifests.Decode(data)
		if err != nil {
			return nil, nil, fmt.Errorf("config/%s: %w", file, err)
		}
		for _, object := range objects {
			if w, ok := asWorkload(object); ok {
				workloads = append(workloads, w)
			} else {
				other = append(other, object)
			}
		}
	}
	return other, workloads, nil
}

// replicaFields is where each kind of workload says how many pods it has.
var replicaFields = map[string]string{"Deployment": "replicas", "StatefulSet": "replicas", "Job": "parallelism"}

func asWorkload(object *unstructured.Unstructured) (workload, bool) {
	field, ok := replicaFields[object.GetKind()]
	if !ok {
		return workload{}, false
	}
	pods, _, _ := unstructured.NestedInt64(object.Object, "spec", field)
	scheduler, given, _ := unstructured.NestedString(object.Object, "spec", "template", "spec", "schedulerName")
	if !given {
		scheduler = corev1.DefaultSchedulerName
	}
	return workload{object: object, app: object.GetName(), pods: int(pods), stowage: scheduler == schedulerName, scheduler: scheduler}, true
}

// byDefault returns the workload as it is without Stowage: left to the default scheduler.
func (w workload) byDefault() workload {
	w.object = w.object.DeepCopy()
	w.scheduler = corev1.DefaultSchedulerName
	unstructured.RemoveNestedField(w.object.Object, "spec", "template", "spec", "schedulerName")
	return w
}
