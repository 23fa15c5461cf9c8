{{- define "stowage.refuse.release" -}}
{{- if not (or .Values.scheduler.enabled .Values.descheduler.enabled .Values.chaos.enabled) }}
{{- fail "there is nothing to install: one of scheduler.enabled, descheduler.enabled and chaos.enabled must be true" }}
{{- end }}
{{- if gt (len .Release.Name) 40 }}
{{- fail (printf "the release's name, %s: must be at most 40 characters: with -descheduler after it, it is the name of a CronJob, which may have 52" .Release.Name) }}
{{- end }}
{{- end }}

{{/* Refuses a file that is another than it should be. Takes the value's name, the text, apiVersions and kinds. */}}
{{- define "stowage.refuse.file" -}}
{{- $value := index . 0 }}
{{- $document := fromYaml (index . 1) }}
{{- with $document.Error }}{{ fail (printf "%s: is no YAML: %s" $value .) }}{{ end }}
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
{{- fail (printf "chaos.scenario: a %s runs no scenario: chaos.kind must be CronJob" $.Values.chaos.kind) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "stowage.refuse.scheduler.config" -}}
{{- with .Values.scheduler.config }}
{{- include "stowage.refuse.file" (list "scheduler.config" . (list "kubescheduler.config.k8s.io/v1") (list "KubeSchedulerConfiguration")) }}
{{- $config := fromYaml . }}
{{- if or (not (kindIs "slice" $config.profiles)) (not $config.profiles) }}
{{- fail "scheduler.config: profiles: must be a list of one or more: without one the scheduler would take the place of the cluster's own" }}
{{- end }}
{{- $names := list }}
{{- range $i, $profile := $config.profiles }}
{{- $name := (kindIs "map" $profile | ternary $profile (dict)).schedulerName | default "default-scheduler" }}
{{- if eq $name "default-scheduler" }}
{{- fail (printf "scheduler.config: profiles[%d].schedulerName: default-scheduler: is the cluster's own scheduler, and both would place the same pods: must be another name, such as stowage" $i) }}
{{- end }}
{{- if has $name $names }}
{{- fail (printf "scheduler.config: profiles[%d].schedulerName: %s: is that of another profile: must be another name" $i $name) }}
{{- end }}
{{- $names = append $names $name }}
{{- end }}
{{- if and (eq (toString ($config.leaderElection | default dict).leaderElect) "false") (gt (int $.Values.scheduler.replicas) 1) }}
{{- fail (printf "scheduler.config: leaderElection.leaderElect: false: all %d replicas would place the same pods: must be true, or scheduler.replicas must be 1" (int $.Values.scheduler.replicas)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "stowage.refuse.scheduler" -}}
{{- $version := .Capabilities.KubeVersion.Version }}
{{- with .Values.scheduler }}
{{- $left := int .podDisruptionBudget.minAvailable }}
{{- if and (gt (int .replicas) 1) (ge $left (int .replicas)) }}
{{- fail (printf "scheduler.podDisruptionBudget.minAvailable: %d: no node with a replica could be drained: must be below scheduler.replicas, which is %d" $left (int .replicas)) }}
{{- end }}
{{- if not (include "stowage.mutates" $) }}
{{- if eq .limits.admission "policy" }}
{{- fail (printf "scheduler.limits.admission: policy: takes Kubernetes 1.36 or later, and this is %s: must be none, webhook or auto" $version) }}
{{- end }}
{{- if .route.enabled }}
{{- fail (printf "scheduler.route.enabled: true: takes Kubernetes 1.36 or later, and this is %s: must be false" $version) }}
{{- end }}
{{- end }}
{{- $limits := include "stowage.scheduler.limits" $ }}
{{- if and .config (not .limits.policies) (ne $limits "none") }}
{{- fail "scheduler.limits.policies: is empty, and those that are shipped are for the profiles that are shipped: with scheduler.config it must be what `stowage-scheduler admission --config FILE` writes, or scheduler.limits.admission must be none" }}
{{- end }}
{{- if and .config (not .limits.webhook) (eq $limits "webhook") }}
{{- fail "scheduler.limits.webhook: is empty, and the one that is shipped is for the profiles that are shipped: with scheduler.config it must be what `stowage-scheduler admission --webhook --config FILE` writes, or scheduler.limits.admission must be none" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses what another scheduler of the cluster has already. Without a cluster nothing is found. */}}
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
{{- /* What config/ has installed. Helm itself tells of one with the name that is wanted here. */}}
{{- $theirs = $shipped }}
{{- $who = "the scheduler that `kubectl apply -k config/scheduler` has installed" }}
{{- end }}
{{- if and $theirs (or (ne $release $.Release.Name) (ne $namespace $.Release.Namespace)) }}
{{- if eq .metadata.name $own }}
{{- fail (printf "the release's name, %s: ClusterRole %s is of %s already: must be another name" $.Release.Name $own $who) }}
{{- end }}
{{- range $i, $profile := $profiles }}
{{- if has $profile $theirs }}
{{- fail (printf "scheduler.config: profiles[%d].schedulerName: %s: is a profile of %s already, and both would place the same pods: must be another name, or scheduler.enabled must be false" $i $profile $who) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
