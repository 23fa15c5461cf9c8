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

{{/* The effective value of scheduler.limits.admission: policy, webhook or none. */}}
{{- define "stowage.scheduler.limits" -}}
{{- $admission := .Values.scheduler.limits.admission }}
{{- if ne $admission "auto" }}{{ $admission }}
{{- else if include "stowage.mutates" . }}policy
{{- else }}webhook
{{- end }}
{{- end }}

{{/* The admission policies, as text. They are parsed before refusals.yaml is rendered. */}}
{{- define "stowage.scheduler.policies" -}}
{{- with .Values.scheduler.limits.policies }}
{{- range splitList "\n---\n" . }}
{{- include "stowage.refuse.file" (list "scheduler.limits.policies" . (list "admissionregistration.k8s.io/v1") (list "MutatingAdmissionPolicy" "MutatingAdmissionPolicyBinding")) }}
{{- end }}
{{- end }}
{{- .Values.scheduler.limits.policies | default (.Files.Get "files/scheduler/autoscaler/webhook/policies.yaml") }}
{{- end }}

{{/* The MutatingWebhookConfiguration, as text. */}}
{{- define "stowage.scheduler.webhook" -}}
{{- with .Values.scheduler.limits.webhook }}
{{- include "stowage.refuse.file" (list "scheduler.limits.webhook" . (list "admissionregistration.k8s.io/v1") (list "MutatingWebhookConfiguration")) }}
{{- end }}
{{- .Values.scheduler.limits.webhook | default (.Files.Get "files/scheduler/autoscaler/webhook/webhook.yaml") }}
{{- end }}

{{/* Whether the cluster has MutatingAdmissionPolicies. */}}
{{- define "stowage.mutates" -}}
{{- if semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version }}yes{{ end }}
{{- end }}

{{/* Descheduler and chaos predict what the scheduler does. Without its configuration they only know the default profiles. */}}
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
