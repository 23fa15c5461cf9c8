{{/* The KubeSchedulerConfiguration, as text. */}}
{{- define "stowage.scheduler.config" -}}
{{ .Values.scheduler.config | default (.Files.Get "files/scheduler/config.yaml") }}
{{- end }}

{{/* The names of its profiles, as a JSON list. */}}
{{- define "stowage.scheduler.profiles" -}}
{{- $names := list }}
{{- range (include "stowage.scheduler.config" . | fromYaml).profiles }}{{ $names = append $names .schedulerName }}{{ end }}
{{- toJson $names }}
{{- end }}

{{/* What scheduler.limits.admission comes to: policy or none. */}}
{{- define "stowage.scheduler.limits" -}}
{{- $admission := .Values.scheduler.limits.admission }}
{{- if ne $admission "auto" }}{{ $admission }}
{{- else if include "stowage.mutates" . }}policy
{{- else }}none
{{- end }}
{{- end }}

{{/* Whether the cluster has MutatingAdmissionPolicies. */}}
{{- define "stowage.mutates" -}}
{{- if semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version }}yes{{ end }}
{{- end }}

{{/* Descheduler and chaos predict what the scheduler does: they know its profiles only as they are shipped. */}}
{{- define "stowage.scheduler.own" -}}
{{- if and .Values.scheduler.enabled .Values.scheduler.config }}yes{{ end }}
{{- end }}

{{- define "stowage.scheduler.own.mount" -}}
- name: scheduler
  mountPath: /etc/stowage-scheduler
  readOnly: true
{{- end }}

{{- define "stowage.scheduler.own.volume" -}}
- name: scheduler
  configMap:
    name: {{ include "stowage.file.name" (list . "scheduler" "config" (include "stowage.scheduler.config" .)) }}
{{- end }}
