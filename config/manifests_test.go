package config_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/manifests"
)

// installed is a Deployment or a Job, also one that a CronJob makes, by which a program of
// ours runs in a cluster.
type installed struct {
	deployment *appsv1.DeploymentSpec
	job        *batchv1.JobSpec
	pod        *corev1.PodSpec
}

// allInstalled returns them by their files, of all folders that are there to be applied.
func allInstalled(t *testing.T) map[string]installed {
	t.Helper()
	all := map[string]installed{}
	for _, program := range []string{"scheduler", "descheduler", "chaos"} {
		err := filepath.WalkDir(program, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(file) != ".yaml" {
				return err
			}
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			objects, err := manifests.Decode(data)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, object := range objects {
				if i := installedBy(t, file, object); i.pod != nil {
					all[file] = i
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func installedBy(t *testing.T, file string, object *unstructured.Unstructured) installed {
	t.Helper()
	read := func(into any) {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, into, true); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	var i installed
	switch object.GetKind() {
	case "Deployment":
		var deployment appsv1.Deployment
		read(&deployment)
		i.deployment, i.pod = &deployment.Spec, &deployment.Spec.Template.Spec
	case "Job":
		var job batchv1.Job
		read(&job)
		i.job, i.pod = &job.Spec, &job.Spec.Template.Spec
	case "CronJob":
		var cronJob batchv1.CronJob
		read(&cronJob)
		i.job, i.pod = &cronJob.Spec.JobTemplate.Spec, &cronJob.Spec.JobTemplate.Spec.Template.Spec
	}
	return i
}

// writes says whether the pod has a volume that its program can write to.
func (i *installed) writes() bool {
	readOnly := map[string]bool{}
	for _, v := range i.pod.Volumes {
		readOnly[v.Name] = v.ConfigMap != nil || v.Secret != nil || v.DownwardAPI != nil || v.Projected != nil
	}
	return slices.ContainsFunc(i.pod.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return !m.ReadOnly && !readOnly[m.Name] })
	})
}

// rules are what real nodes have taught about manifests. Each says what breaks it, or nothing.
var rules = map[string]func(i *installed) string{
	"a deadline leaves the pod, its log and its exit code there: it is the pod's, not the Job's": func(i *installed) string {
		switch {
		case i.job == nil:
			return ""
		case i.job.ActiveDeadlineSeconds != nil:
			return "the Job has a deadline"
		case i.pod.ActiveDeadlineSeconds == nil:
			return "the pod has no deadline"
		}
		return ""
	},
	"what a deadline has cut off is not run again": func(i *installed) string {
		if i.job != nil && (ptr.Deref(i.job.BackoffLimit, 6) != 0 || i.pod.RestartPolicy != corev1.RestartPolicyNever) {
			return "the Job tries again"
		}
		return ""
	},
	"a rollout leaves no two replicas on a node that it could have spread": func(i *installed) string {
		if i.deployment == nil || ptr.Deref(i.deployment.Replicas, 1) == 1 {
			return ""
		}
		spread := false
		for _, c := range i.pod.TopologySpreadConstraints {
			if !slices.Contains(c.MatchLabelKeys, appsv1.DefaultDeploymentUniqueLabelKey) {
				return "the spread over " + c.TopologyKey + " counts replicas that the rollout is about to take away"
			}
			spread = spread || c.TopologyKey == corev1.LabelHostname
		}
		if !spread {
			return "several replicas are not spread over nodes"
		}
		return ""
	},
	"a volume of any kind can be written to": func(i *installed) string {
		security := ptr.Deref(i.pod.SecurityContext, corev1.PodSecurityContext{})
		if i.writes() && (security.FSGroup == nil || ptr.Deref(security.RunAsGroup, 0) != *security.FSGroup) {
			return "the group of its volumes is not the program's"
		}
		return ""
	},
	"a replica counts as ready soon after it is": func(i *installed) string {
		if i.deployment == nil {
			return ""
		}
		for _, c := range i.pod.Containers {
			if c.ReadinessProbe == nil || c.ReadinessProbe.PeriodSeconds < 1 || c.ReadinessProbe.PeriodSeconds > 2 {
				return c.Name + " is not asked every other second"
			}
		}
		return ""
	},
	"chaos has the time to put everything back, and to report": func(i *installed) string {
		// Putting back gives up after two minutes without progress.
		if i.pod.Containers[0].Name == "chaos" && ptr.Deref(i.pod.TerminationGracePeriodSeconds, 30) < 150 {
			return "it is killed before it gives up"
		}
		return ""
	},
}

func TestInstalledManifests(t *testing.T) {
	all := allInstalled(t)
	want := []string{
		"chaos/cronjob/cronjob.yaml",
		"chaos/deployment/deployment.yaml",
		"chaos/watch/deployment.yaml",
		"descheduler/cronjob/cronjob.yaml",
		"descheduler/deployment/deployment.yaml",
		"descheduler/job/job.yaml",
		"scheduler/autoscaler/webhook/deployment.yaml",
		"scheduler/deployment.yaml",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(all))); diff != "" {
		t.Errorf("what there is to install (-want +got):\n%s", diff)
	}
	for rule, broken := range rules {
		t.Run(rule, func(t *testing.T) {
			for file, i := range all {
				if how := broken(&i); how != "" {
					t.Errorf("%s: %s", file, how)
				}
			}
		})
	}
}
