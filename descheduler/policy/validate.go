package policy

import (
	"fmt"
	"net/url"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

var metricsSources = []MetricsSource{KubernetesMetrics, PrometheusMetrics}

// validate returns the errors of a decoded policy.
func validate(p *Policy, known registry) field.ErrorList {
	errs := validateNodeSelector(field.NewPath("nodeSelector"), p.NodeSelector)
	if p.GracePeriodSeconds != nil && *p.GracePeriodSeconds < 0 {
		errs = append(errs, field.Invalid(field.NewPath("gracePeriodSeconds"), *p.GracePeriodSeconds, "must be 0 or more"))
	}
	errs = append(errs, validateMetrics(p)...)
	at := field.NewPath("profiles")
	if len(p.Profiles) == 0 {
		errs = append(errs, field.Required(at, "at least one profile"))
	}
	for i := range p.Profiles {
		profile := &p.Profiles[i]
		name := at.Index(i).Child("name")
		if profile.Name == "" {
			errs = append(errs, field.Required(name, "the name of the profile in reports"))
		} else if slices.ContainsFunc(p.Profiles[:i], func(q Profile) bool { return q.Name == profile.Name }) {
			errs = append(errs, field.Duplicate(name, profile.Name))
		}
		errs = append(errs, validateProfile(at.Index(i), profile, known)...)
	}
	errs = append(errs, validateStandIns(field.NewPath("standIns"), p)...)
	errs = append(errs, validateOpposites(at, p)...)
	return append(errs, validateMetricsUse(at, p)...)
}

func validateMetrics(p *Policy) field.ErrorList {
	var errs field.ErrorList
	at := field.NewPath("metricsProviders")
	collects := p.MetricsCollector != nil && p.MetricsCollector.Enabled
	for i, provider := range p.MetricsProviders {
		at := at.Index(i)
		source := at.Child("source")
		switch {
		case !slices.Contains(metricsSources, provider.Source):
			errs = append(errs, field.NotSupported(source, provider.Source, metricsSources))
		case slices.ContainsFunc(p.MetricsProviders[:i], func(q MetricsProvider) bool { return q.Source == provider.Source }):
			errs = append(errs, field.Duplicate(source, provider.Source))
		case provider.Source == KubernetesMetrics && collects:
			errs = append(errs, field.Forbidden(source, "the deprecated metricsCollector.enabled already provides it"))
		}
		prometheus := at.Child("prometheus")
		switch {
		case provider.Source == PrometheusMetrics && provider.Prometheus == nil:
			errs = append(errs, field.Required(prometheus, "the Prometheus server to query"))
		case provider.Source == KubernetesMetrics && provider.Prometheus != nil:
			errs = append(errs, field.Forbidden(prometheus, "may only be set with source: Prometheus"))
		case provider.Prometheus != nil:
			errs = append(errs, validatePrometheus(prometheus, provider.Prometheus)...)
		}
	}
	return errs
}

func validatePrometheus(path *field.Path, prometheus *Prometheus) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("url")
	if prometheus.URL == "" {
		errs = append(errs, field.Required(at, "such as http://prometheus.monitoring:9090"))
	} else if parsed, err := url.Parse(prometheus.URL); err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		errs = append(errs, field.Invalid(at, prometheus.URL, "must be a URL with http or https, such as http://prometheus.monitoring:9090"))
	}
	if prometheus.AuthToken == nil {
		return errs
	}
	at = path.Child("authToken", "secretReference")
	reference := prometheus.AuthToken.SecretReference
	if reference == nil {
		return append(errs, field.Required(at, "the Secret with the token; omit authToken to use the service account's token"))
	}
	if reference.Namespace == "" {
		errs = append(errs, field.Required(at.Child("namespace"), "the namespace of the Secret"))
	}
	if reference.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), "the name of the Secret"))
	}
	return errs
}

// validateMetricsUse checks that the metrics sources that plugins use are provided.
func validateMetricsUse(path *field.Path, p *Policy) field.ErrorList {
	provided := func(source MetricsSource) bool {
		return source == KubernetesMetrics && p.MetricsCollector != nil && p.MetricsCollector.Enabled ||
			slices.ContainsFunc(p.MetricsProviders, func(q MetricsProvider) bool { return q.Source == source })
	}
	var errs field.ErrorList
	for i, profile := range p.Profiles {
		for j, config := range profile.PluginConfigs {
			args, is := config.Args.(*LowNodeUtilizationArgs)
			if !is || args.MetricsUtilization == nil || !profile.Plugins.enabled(config.Name) {
				continue
			}
			source, at := args.MetricsUtilization.Source, "source"
			if args.MetricsUtilization.MetricsServer {
				source, at = KubernetesMetrics, "metricsServer"
			}
			if slices.Contains(metricsSources, source) && !provided(source) {
				at := path.Index(i).Child("pluginConfig").Index(j).Child("args", "metricsUtilization", at)
				errs = append(errs, field.Forbidden(at, fmt.Sprintf("metricsProviders has no entry with source: %s", source)))
			}
		}
	}
	return errs
}

// validateOpposites refuses plugins that undo each other's moves, in this run or the next.
func validateOpposites(path *field.Path, p *Policy) field.ErrorList {
	spreads := slices.ContainsFunc(p.Profiles, func(profile Profile) bool {
		return slices.Contains(profile.Plugins.Balance.Enabled, LowNodeUtilization)
	})
	if !spreads {
		return nil
	}
	var errs field.ErrorList
	for i, profile := range p.Profiles {
		for j, name := range profile.Plugins.Balance.Enabled {
			if name == HighNodeUtilization || name == Consolidate {
				at := path.Index(i).Child("plugins", "balance", "enabled").Index(j)
				errs = append(errs, field.Forbidden(at, name+" empties the nodes that LowNodeUtilization fills; a policy can have only one of them"))
			}
		}
	}
	return errs
}
