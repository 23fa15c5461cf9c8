// Package evictable says which pods may be evicted at all, by the arguments of a
// profile's DefaultEvictor and the annotations of the pods. It knows nothing of budgets,
// limits and rollouts.
//
// Some things are not as in the known descheduler:
//   - Annotations count by their value, not by being there. Evict with any value but
//     "true" keeps the pod, prefer-no-eviction with any value but "false" asks for it to be
//     kept: a slip protects.
//   - Evict does not make mirror, static and terminating pods evictable, nor those of a node
//     that somebody else empties: evicting them moves nothing. As there, it overrides all other protections but the namespace's
//     labels.
//   - A pod is on its way out by the annotation eviction-in-progress alone: request-evict-only need
//     not be there.
//   - A pod whose owners do not control it counts as one without a controller: nobody
//     replaces it.
//   - MinReplicas is about what the top workload asks for, not about the pods that its
//     ReplicaSet has at the moment.
//
// NodeFit and its nodeSelector have no meaning here: a move is planned with the node
// that the pod will go to, or not at all.
package evictable

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Annotations of pods.
const (
	// EvictAnnotation makes a pod evictable with "true", and keeps it with any other value.
	EvictAnnotation = "descheduler.alpha.kubernetes.io/evict"
	// NoEvictionAnnotation asks for other pods to be evicted first, or for this one never
	// to be, as the policy has it. Only "false" does not.
	NoEvictionAnnotation = "descheduler.alpha.kubernetes.io/prefer-no-eviction"
)

// check returns why a pod is kept, or nothing.
type check func(*corev1.Pod) string

// Filter says which pods may be evicted.
type Filter struct {
	// always hold for every pod, protections only for those not annotated to be evicted.
	always, protections []check
}

// New returns the filter of arguments that were loaded with a policy. It finds namespaces
// and budgets in the picture, and PriorityClasses, PersistentVolumeClaims and DeviceClasses
// in its Others. Errors are selectors that cannot be read and a PriorityClass that is not there.
func New(args *policy.DefaultEvictorArgs, picture *cluster.Snapshot, owners *cluster.Owners, now time.Time) (*Filter, error) {
	f := &Filter{always: []check{isMirror, isStatic, isTerminating, isAnnotated, newDrainCheck(picture.Nodes)}}
	if args.NamespaceLabelSelector != nil {
		c, err := newNamespaceCheck(args.NamespaceLabelSelector, picture.Namespaces)
		if err != nil {
			return nil, err
		}
		f.always = append(f.always, c)
	}
	if args.NoEvictionPolicy == policy.MandatoryNoEviction {
		f.protect(wantsNoEviction)
	}
	f.protect(newBareCheck(args.Protects(policy.FailedBarePods)))
	if args.Protects(policy.DaemonSetPods) {
		f.protect(isDaemons)
	}
	if args.Protects(policy.SystemCriticalPods) {
		c, err := newPriorityCheck(args.PriorityThreshold, picture)
		if err != nil {
			return nil, err
		}
		f.protect(c)
	}
	if args.Protects(policy.PodsMarkedDoNotDisrupt) {
		f.protect(newMarkCheck(now))
	}
	if args.Protects(policy.PodsOfGangs) {
		f.protect(newGangCheck(picture.Pods))
	}
	if args.Protects(policy.PodsWithLocalStorage) {
		f.protect(hasLocalStorage)
	}
	if args.Protects(policy.PodsWithPVC) {
		f.protect(newClaimCheck(args.PodProtections.Config, picture))
	}
	if args.Protects(policy.PodsWithoutPDB) {
		f.protect(newBudgetCheck(picture.Budgets))
	}
	if args.Protects(policy.PodsWithResourceClaims) {
		f.protect(newDeviceCheck(picture))
	}
	if args.LabelSelector != nil {
		c, err := newLabelCheck(args.LabelSelector)
		if err != nil {
			return nil, err
		}
		f.protect(c)
	}
	if args.MinReplicas > 1 {
		f.protect(newReplicasCheck(args.MinReplicas, picture.Pods, owners))
	}
	if args.MinPodAge != nil {
		f.protect(newAgeCheck(args.MinPodAge.Duration, now))
	}
	return f, nil
}

func (f *Filter) protect(c check) { f.protections = append(f.protections, c) }

// Check returns why the pod may not be evicted, for people: the first reason that holds.
// It is empty where the pod may be.
func (f *Filter) Check(pod *corev1.Pod) string {
	if reason := first(f.always, pod); reason != "" {
		return reason
	}
	if pod.Annotations[EvictAnnotation] == "true" {
		return ""
	}
	return first(f.protections, pod)
}

func first(checks []check, pod *corev1.Pod) string {
	for _, c := range checks {
		if reason := c(pod); reason != "" {
			return reason
		}
	}
	return ""
}
