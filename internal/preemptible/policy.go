package preemptible

import (
	"fmt"
	"math"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Policy is the effective policy for a pod.
type Policy struct {
	Mode             Mode
	HardMode         bool
	Max, OnDemandMin *Rule
}

// Rule is a number of replicas, and whether it is hard.
type Rule struct {
	Replicas
	Hard bool
}

// Resolve returns the policy that results from the statements, the nearest first. For each
// field, the nearest statement that sets it wins. A near mode without a limit overrides
// farther limits, and a near limit overrides a farther mode that allows no limit.
func Resolve(statements ...Statement) Policy {
	p := Policy{Mode: Allow}
	modeKnown, limited := false, false
	for _, s := range statements {
		exclusive, limitedNearer := p.Mode == Require, limited
		if p.Max == nil && s.Max != nil && !exclusive {
			p.Max = &Rule{*s.Max, s.Hard}
			limited = true
		}
		if p.OnDemandMin == nil && s.OnDemandMin != nil && !exclusive {
			p.OnDemandMin = &Rule{*s.OnDemandMin, s.Hard}
			limited = true
		}
		if !modeKnown && s.Mode != nil {
			modeKnown = true
			p.Mode, p.HardMode = *s.Mode, s.Hard
			if limitedNearer && p.OnlyOneKind() {
				p.Mode, p.HardMode = Allow, false
			}
		}
	}
	return p
}

// OnlyOneKind reports whether the mode allows only one kind of nodes.
func (p Policy) OnlyOneKind() bool {
	return p.Mode == Never || p.Mode == Require
}

// Unlimited is the cap of a workload without a limit.
const Unlimited = math.MaxInt

// Caps returns how many of the desired replicas may run on preemptible nodes, according to
// the hard rules, and according to all rules.
func (p Policy) Caps(desired int) (hard, soft int) {
	hard, soft = Unlimited, Unlimited
	lower := func(limit int, isHard bool) {
		soft = min(soft, max(0, limit))
		if isHard {
			hard = min(hard, max(0, limit))
		}
	}
	if p.Max != nil {
		lower(p.Max.Of(desired, false), p.Max.Hard)
	}
	if p.OnDemandMin != nil {
		lower(desired-p.OnDemandMin.Of(desired, true), p.OnDemandMin.Hard)
	}
	return hard, soft
}

// Options are the options of a scheduler.
type Options struct {
	// Nodes recognizes preemptible nodes.
	Nodes Recognizer
	// Default applies if neither the pod nor its namespace has a policy. If it is hard, the
	// policies of namespaces are as well.
	Default Statement
}

// Namespaces finds namespaces by name. For a missing namespace, the error is NotFound of the
// API. Listers implement it.
type Namespaces interface {
	Get(name string) (*corev1.Namespace, error)
}

// PolicyOf returns the policy of a pod, or an error about invalid annotations.
func (o Options) PolicyOf(pod *corev1.Pod, namespaces Namespaces) (Policy, error) {
	own, err := ParseAnnotations(pod.Annotations)
	if err != nil {
		return Policy{}, fmt.Errorf("the pod's %w", err)
	}
	own.Hard = true
	namespace, err := o.namespaceStatement(pod.Namespace, namespaces)
	if err != nil {
		return Policy{}, err
	}
	return Resolve(own, namespace, o.Default), nil
}

// Asking returns the options with which PolicyOf returns only explicit policies: of the pod,
// of its namespace, or the default if the labels of preemptible nodes are configured.
func (o Options) Asking() Options {
	if reflect.DeepEqual(o.Nodes.Labels, Known().Labels) {
		o.Default = Statement{Hard: o.Default.Hard}
	}
	return o
}

// Indifferent reports whether the policy has no effect on the choice of nodes.
func (p Policy) Indifferent() bool {
	return p.Mode == Allow && p.Max == nil && p.OnDemandMin == nil
}

// namespaceStatement returns the policy of the namespace. A namespace that is not in the
// cache counts as one without a policy, if its policy could only be soft.
func (o Options) namespaceStatement(name string, namespaces Namespaces) (Statement, error) {
	var said map[string]string
	namespace, err := namespaces.Get(name)
	switch {
	case err == nil:
		said = namespace.Annotations
	case !apierrors.IsNotFound(err):
		return Statement{}, err
	case o.Default.Hard:
		return Statement{}, fmt.Errorf("namespace %s is not in the scheduler's cache yet", name)
	}
	s, err := ParseAnnotations(said)
	if err != nil {
		return Statement{}, fmt.Errorf("namespace %s: %w", name, err)
	}
	s.Hard = o.Default.Hard
	return s, nil
}
