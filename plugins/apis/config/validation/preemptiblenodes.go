package validation

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

var (
	// PreemptibleModes are the allowed values of preemptible.
	PreemptibleModes = []config.PreemptibleMode{config.PreemptibleNever, config.PreemptibleAllow, config.PreemptiblePrefer, config.PreemptibleRequire}
	enforcements     = []config.Enforcement{config.Soft, config.Hard}
)

// noticePrefix marks a termination notice that matches all keys with a prefix.
const noticePrefix = "/*"

// ValidatePreemptibleNodesArgs validates the arguments of the PreemptibleNodes plugin, which
// are at path.
func ValidatePreemptibleNodesArgs(path *field.Path, args *config.PreemptibleNodesArgs) error {
	var errs field.ErrorList
	if len(args.NodeLabels) == 0 {
		errs = append(errs, field.Required(path.Child("nodeLabels"), "at least one label that marks preemptible nodes"))
	}
	for i, label := range args.NodeLabels {
		errs = append(errs, validateNodeLabel(path.Child("nodeLabels").Index(i), label, args.NodeLabels[:i])...)
	}
	for i, notice := range args.TerminationNotices {
		at := path.Child("terminationNotices").Index(i)
		key := notice
		if domain, isPrefix := strings.CutSuffix(notice, noticePrefix); isPrefix {
			key = domain + "/any"
		}
		for _, message := range utilvalidation.IsQualifiedName(key) {
			errs = append(errs, field.Invalid(at, notice, message))
		}
		if slices.Contains(args.TerminationNotices[:i], notice) {
			errs = append(errs, field.Duplicate(at, notice))
		}
	}
	errs = append(errs, ValidatePreemptiblePolicy(path.Child("default"), args.Default)...)
	if !slices.Contains(enforcements, args.Enforcement) {
		errs = append(errs, field.NotSupported(path.Child("enforcement"), args.Enforcement, enforcements))
	}
	return errs.ToAggregate()
}

func validateNodeLabel(path *field.Path, label config.NodeLabel, before []config.NodeLabel) field.ErrorList {
	var errs field.ErrorList
	for _, message := range utilvalidation.IsQualifiedName(label.Key) {
		errs = append(errs, field.Invalid(path.Child("key"), label.Key, message))
	}
	if slices.ContainsFunc(before, func(l config.NodeLabel) bool { return l.Key == label.Key }) {
		errs = append(errs, field.Duplicate(path.Child("key"), label.Key))
	}
	if len(label.Values) == 0 {
		errs = append(errs, field.Required(path.Child("values"), "at least one value of the label"))
	}
	for i, value := range label.Values {
		for _, message := range utilvalidation.IsValidLabelValue(value) {
			errs = append(errs, field.Invalid(path.Child("values").Index(i), value, message))
		}
		if slices.Contains(label.Values[:i], value) {
			errs = append(errs, field.Duplicate(path.Child("values").Index(i), value))
		}
	}
	return errs
}

// ValidatePreemptiblePolicy validates a policy, which is at path.
func ValidatePreemptiblePolicy(path *field.Path, policy config.PreemptiblePolicy) field.ErrorList {
	var errs field.ErrorList
	if !slices.Contains(PreemptibleModes, policy.Preemptible) {
		errs = append(errs, field.NotSupported(path.Child("preemptible"), policy.Preemptible, PreemptibleModes))
	}
	for _, limit := range []struct {
		name  string
		value *intstr.IntOrString
	}{{"preemptibleMax", policy.PreemptibleMax}, {"onDemandMin", policy.OnDemandMin}} {
		if limit.value == nil {
			continue
		}
		at := path.Child(limit.name)
		if _, err := preemptible.ParseReplicas(limit.value.String()); err != nil {
			errs = append(errs, field.Invalid(at, limit.value.String(), err.Error()))
		} else if policy.Preemptible == config.PreemptibleRequire {
			errs = append(errs, field.Forbidden(at, "cannot be combined with preemptible: require, which leaves no nodes for replicas beyond the limit"))
		}
	}
	return errs
}
