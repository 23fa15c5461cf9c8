package pool

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxNameLength leaves room for a node's number in a DNS label.
const maxNameLength = 50

// Validate returns all errors of the pool, with their fields.
func (p *Pool) Validate() error {
	var errs field.ErrorList
	if p.APIVersion != APIVersion {
		errs = append(errs, field.NotSupported(field.NewPath("apiVersion"), p.APIVersion, []string{APIVersion}))
	}
	if p.Kind != Kind {
		errs = append(errs, field.NotSupported(field.NewPath("kind"), p.Kind, []string{Kind}))
	}
	groups := field.NewPath("groups")
	if len(p.Groups) == 0 {
		errs = append(errs, field.Required(groups, "at least one node group"))
	}
	names, left := sets.New[string](), MaxNodes
	for i := range p.Groups {
		g, at := &p.Groups[i], groups.Index(i)
		if g.Count > left {
			errs = append(errs, field.Invalid(at.Child("count"), g.Count, fmt.Sprintf("a pool can have at most %d nodes", MaxNodes)))
		} else {
			left -= max(0, g.Count)
		}
		if names.Has(g.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), g.Name))
		}
		names.Insert(g.Name)
		errs = append(errs, g.validate(at)...)
	}
	return errs.ToAggregate()
}

func (g *Group) validate(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, msg := range validation.IsDNS1123Label(g.Name) {
		errs = append(errs, field.Invalid(at.Child("name"), g.Name, msg))
	}
	if len(g.Name) > maxNameLength {
		errs = append(errs, field.TooLong(at.Child("name"), g.Name, maxNameLength))
	}
	if g.Count < 0 {
		errs = append(errs, field.Invalid(at.Child("count"), g.Count, "must be 0 or more"))
	}
	for i, zone := range g.Zones {
		if msgs := validation.IsValidLabelValue(zone); zone == "" || len(msgs) > 0 {
			errs = append(errs, field.Invalid(at.Child("zones").Index(i), zone, "must be a label value: "+strings.Join(msgs, "; ")))
		}
	}
	for _, msg := range validation.IsValidLabelValue(g.InstanceType) {
		errs = append(errs, field.Invalid(at.Child("instanceType"), g.InstanceType, msg))
	}
	if _, known := Platforms[g.Preemptible]; g.Preemptible != "" && !known {
		errs = append(errs, field.NotSupported(at.Child("preemptible"), g.Preemptible, platformNames()))
	}
	errs = append(errs, metav1validation.ValidateLabels(g.Labels, at.Child("labels"))...)
	errs = append(errs, g.validateCapacity(at.Child("capacity"))...)
	return append(errs, g.validateTaints(at.Child("taints"))...)
}

func (g *Group) validateCapacity(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if _, given := g.Capacity[name]; !given {
			errs = append(errs, field.Required(at.Key(string(name)), "the quantity that each node has"))
		}
	}
	for name, text := range g.Capacity {
		for _, msg := range validation.IsQualifiedName(string(name)) {
			errs = append(errs, field.Invalid(at.Key(string(name)), name, msg))
		}
		q, err := resource.ParseQuantity(string(text))
		switch {
		case err != nil:
			errs = append(errs, field.Invalid(at.Key(string(name)), text, "must be a quantity such as 4, 500m or 16Gi"))
		case q.Sign() < 0:
			errs = append(errs, field.Invalid(at.Key(string(name)), text, "must be 0 or more"))
		}
	}
	return errs
}

// taintEffects are the effects that a taint may have.
var taintEffects = []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}

func (g *Group) validateTaints(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, taint := range g.Taints {
		for _, msg := range validation.IsQualifiedName(taint.Key) {
			errs = append(errs, field.Invalid(at.Index(i).Child("key"), taint.Key, msg))
		}
		for _, msg := range validation.IsValidLabelValue(taint.Value) {
			errs = append(errs, field.Invalid(at.Index(i).Child("value"), taint.Value, msg))
		}
		if !sets.New(taintEffects...).Has(taint.Effect) {
			errs = append(errs, field.NotSupported(at.Index(i).Child("effect"), taint.Effect, taintEffects))
		}
	}
	return errs
}
