// Package evictable says which pods may be evicted, by the arguments of a profile's
// DefaultEvictor and the annotations of the pods. It does not consider budgets, limits and
// rollouts.
//
// Some things differ from the upstream descheduler:
//   - Annotations count by their value, not by their presence. Evict with any value other than
//     "true" protects the pod, prefer-no-eviction with any value other than "false" asks for
//     protection: a typo protects.
//   - Evict does not make mirror, static and terminating pods evictable, nor pods of a node that
//     an autoscaler drains: evicting them moves nothing. As in upstream, it overrides all other
//     protections except the namespace's labels.
//   - The annotation eviction-in-progress alone marks a pod as leaving. It does not need
//     request-evict-only.
//   - A pod whose owners do not control it has no controller: nobody replaces it.
//   - MinReplicas refers to the desired replicas of the top-level workload, not to the current
//     pods of its ReplicaSet.
//
// NodeFit and its nodeSelector have no effect: a move is only planned with a destination.
package evictable

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Annotations of pods.
const (
	// EvictAnnotation makes a pod evictable with "true", and protects it with any other value.
	EvictAnnotation = "descheduler.alpha.kubernetes.io/evict"
	// NoEvictionAnnotation has other pods evicted first, or protects this one, depending on the
	// policy. The value "false" has no effect.
	NoEvictionAnnotation = "descheduler.alpha.kubernetes.io/prefer-no-eviction"
)

// check returns why a pod is protected, or nothing.
type check func(*corev1.Pod) string

// Filter says which pods may be evicted.
type Filter struct {
	// always apply to every pod, protections only to pods without the evict annotation.
	always, protections []check
}

// New returns the filter for the arguments of a policy. It finds namespaces and budgets in the
// snapshot, and PriorityClasses, PersistentVolumeClaims and DeviceClasses in its Others. Invalid
// selectors and a PriorityClass that does not exist are errors.
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

// Check returns the first reason why the pod may not be evicted. It is empty if the pod may be.
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
