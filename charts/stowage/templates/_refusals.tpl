{{- define "stowage.refuse.release" -}}
{{- if not (or .Values.scheduler.enabled .Values.descheduler.enabled .Values.chaos.enabled .Values.watch.enabled) }}
{{- fail "nothing to install: at least one of scheduler.enabled, descheduler.enabled, chaos.enabled and watch.enabled must be true" }}
{{- end }}
{{- if gt (len .Release.Name) 40 }}
{{- fail (printf "release name %s: must be at most 40 characters: with the suffix -descheduler it is the name of a CronJob, which is limited to 52" .Release.Name) }}
{{- end }}
{{- end }}

{{/* Refuses a file of the wrong kind. Takes the value's name, the text, apiVersions and kinds. */}}
{{- define "stowage.refuse.file" -}}
{{- $value := index . 0 }}
{{- $document := fromYaml (index . 1) }}
{{- with $document.Error }}{{ fail (printf "%s: is not valid YAML: %s" $value .) }}{{ end }}
{{- if not (has (toString $document.kind) (index . 3)) }}
{{- fail (printf "%s: kind: %v: must be %s" $value (default "nothing" $document.kind) (join " or " (index . 3))) }}
{{- end }}
{{- if not (has (toString $document.apiVersion) (index . 2)) }}
{{- fail (printf "%s: apiVersion: %v: must be %s" $value (default "nothing" $document.apiVersion) (join " or " (index . 2))) }}
{{- end }}
{{- end }}

{{- define "stowage.refuse.descheduler" -}}
{{- with .Values.descheduler.policy }}
{{- include "stowage.refuse.file" (list "descheduler.policy" . (list "descheduler/v1alpha2") (list "DeschedulerPolicy")) }}
{{- end }}
{{- end }}

{{- define "stowage.refuse.chaos" -}}
{{- with .Values.chaos.scenario }}
{{- include "stowage.refuse.file" (list "chaos.scenario" . (list "chaos.stowage.dev/v1alpha1") (list "Scenario")) }}
{{- if ne $.Values.chaos.kind "CronJob" }}
{{- fail (printf "chaos.scenario: is not supported for a %s: chaos.kind must be CronJob" $.Values.chaos.kind) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "stowage.refuse.scheduler.config" -}}
{{- with .Values.scheduler.config }}
{{- include "stowage.refuse.file" (list "scheduler.config" . (list "kubescheduler.config.k8s.io/v1") (list "KubeSchedulerConfiguration")) }}
{{- $config := fromYaml . }}
{{- if or (not (kindIs "slice" $config.profiles)) (not $config.profiles) }}
{{- fail "scheduler.config: profiles: must be a list of one or more profiles: otherwise the scheduler would replace the cluster's own scheduler" }}
{{- end }}
{{- $names := list }}
{{- range $i, $profile := $config.profiles }}
{{- $name := (kindIs "map" $profile | ternary $profile (dict)).schedulerName | default "default-scheduler" }}
{{- if eq $name "default-scheduler" }}
{{- fail (printf "scheduler.config: profiles[%d].schedulerName: default-scheduler: must be another name, such as stowage, because the cluster's own scheduler would place the same pods" $i) }}
{{- end }}
{{- if has $name $names }}
{{- fail (printf "scheduler.config: profiles[%d].schedulerName: %s: must be unique, but another profile has this name" $i $name) }}
{{- end }}
{{- $names = append $names $name }}
{{- end }}
{{- if and (eq (toString ($config.leaderElection | default dict).leaderElect) "false") (gt (int $.Values.scheduler.replicas) 1) }}
{{- fail (printf "scheduler.config: leaderElection.leaderElect: false: must be true, or scheduler.replicas must be 1: otherwise all %d replicas place the same pods" (int $.Values.scheduler.replicas)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "stowage.refuse.scheduler" -}}
{{- $version := .Capabilities.KubeVersion.Version }}
{{- with .Values.scheduler }}
{{- $left := int .podDisruptionBudget.minAvailable }}
{{- if and (gt (int .replicas) 1) (ge $left (int .replicas)) }}
{{- fail (printf "scheduler.podDisruptionBudget.minAvailable: %d: must be less than scheduler.replicas (%d): otherwise nodes with a replica cannot be drained" $left (int .replicas)) }}
{{- end }}
{{- if not (include "stowage.mutates" $) }}
{{- if eq .limits.admission "policy" }}
{{- fail (printf "scheduler.limits.admission: policy: requires Kubernetes 1.36 or later, but the version is %s: must be none, webhook or auto" $version) }}
{{- end }}
{{- if .route.enabled }}
{{- fail (printf "scheduler.route.enabled: true: requires Kubernetes 1.36 or later, but the version is %s: must be false" $version) }}
{{- end }}
{{- end }}
{{- $limits := include "stowage.scheduler.limits" $ }}
{{- if and .config (not .limits.policies) (ne $limits "none") }}
{{- fail "scheduler.limits.policies: must be set to the output of `stowage-scheduler admission --config FILE` if scheduler.config is set, because the default policies are for the default profiles; or scheduler.limits.admission must be none" }}
{{- end }}
{{- if and .config (not .limits.webhook) (eq $limits "webhook") }}
{{- fail "scheduler.limits.webhook: must be set to the output of `stowage-scheduler admission --webhook --config FILE` if scheduler.config is set, because the default webhook is for the default profiles; or scheduler.limits.admission must be none" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses names that another scheduler in the cluster uses. Without a cluster, nothing is checked. */}}
{{- define "stowage.refuse.others" -}}
{{- $own := include "stowage.name" (list . "scheduler") }}
{{- $profiles := include "stowage.scheduler.profiles" . | fromJsonArray }}
{{- $shipped := list }}
{{- range (.Files.Get "files/scheduler/config.yaml" | fromYaml).profiles }}{{ $shipped = append $shipped .schedulerName }}{{ end }}
{{- range (lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "").items }}
{{- $annotations := .metadata.annotations | default dict }}
{{- $release := get $annotations "meta.helm.sh/release-name" }}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" }}
{{- $theirs := list }}
{{- $who := "" }}
{{- if and $release (hasKey $annotations "stowage.dev/scheduler-names") }}
{{- $theirs = splitList "," (get $annotations "stowage.dev/scheduler-names") }}
{{- $who = printf "release %s in namespace %s" $release $namespace }}
{{- else if and (eq .metadata.name "stowage-scheduler") (not $release) (ne $own "stowage-scheduler") }}
{{- /* An installation from config/. If it has the same name, Helm itself reports it. */}}
{{- $theirs = $shipped }}
{{- $who = "the scheduler installed by `kubectl apply -k config/scheduler`" }}
{{- end }}
{{- if and $theirs (or (ne $release $.Release.Name) (ne $namespace $.Release.Namespace)) }}
{{- if eq .metadata.name $own }}
{{- fail (printf "release name %s: must be another name, because ClusterRole %s belongs to %s" $.Release.Name $own $who) }}
{{- end }}
{{- range $i, $profile := $profiles }}
{{- if has $profile $theirs }}
{{- fail (printf "scheduler.config: profiles[%d].schedulerName: %s: must be another name, because it is a profile of %s and both would place the same pods; or scheduler.enabled must be false" $i $profile $who) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
