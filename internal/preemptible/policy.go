package preemptible

import (
	"fmt"
	"math"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Policy is what holds for a pod, out of all that was said.
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

// Resolve returns the policy that the statements add up to, the nearest first. Of
// each field, the nearest that says anything wins. A near mode that leaves nothing
// to limit does away with the limits of those farther off, and a near limit with
// the mode of those farther off that leaves it nothing to limit.
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

// OnlyOneKind reports whether the mode leaves one kind of nodes only.
func (p Policy) OnlyOneKind() bool {
	return p.Mode == Never || p.Mode == Require
}

// Unlimited is the cap of a workload without one.
const Unlimited = math.MaxInt

// Caps returns how many of the desired replicas may be on preemptible nodes, by the
// hard rules, and by all of them.
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

// Options are what a scheduler has been told.
type Options struct {
	// Nodes tells preemptible nodes.
	Nodes Recognizer
	// Default is what holds where neither the pod nor its namespace says anything. Where
	// it is hard, so is what namespaces say.
	Default Statement
}

// Namespaces finds namespaces by name. For one that is not there, the error is the
// API's NotFound. Listers are such.
type Namespaces interface {
	Get(name string) (*corev1.Namespace, error)
}

// PolicyOf returns the policy of a pod, or what is wrong with what was said.
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

// Asking returns the options by which PolicyOf tells what somebody asks for: the pod, its namespace,
// or the default where the labels of preemptible nodes are not those known anyway.
func (o Options) Asking() Options {
	if reflect.DeepEqual(o.Nodes.Labels, Known().Labels) {
		o.Default = Statement{Hard: o.Default.Hard}
	}
	return o
}

// Indifferent reports whether the policy leaves it open on which nodes pods are.
func (p Policy) Indifferent() bool {
	return p.Mode == Allow && p.Max == nil && p.OnDemandMin == nil
}

// namespaceStatement returns what the namespace says. One that is not known yet says
// nothing until it is, if that could have been a wish only.
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
