{{/* Templates take the root and a program: (list . "scheduler"). */}}

{{/* What a program's objects are called: stowage-scheduler in a release stowage. */}}
{{- define "stowage.name" -}}
{{ (index . 0).Release.Name }}-{{ index . 1 }}
{{- end }}

{{/* What an object is called whose name is that of a release stowage. */}}
{{- define "stowage.renamed" -}}
{{- if hasPrefix "stowage-" (index . 1) }}{{ (index . 0).Release.Name }}{{ trimPrefix "stowage" (index . 1) }}{{ else }}{{ index . 1 }}{{ end }}
{{- end }}

{{/* By which labels a program's pods are selected. */}}
{{- define "stowage.selector" -}}
app.kubernetes.io/name: stowage-{{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name | quote }}
{{- end }}

{{- define "stowage.labels" -}}
{{- $root := index . 0 -}}
{{ include "stowage.selector" . }}
app.kubernetes.io/part-of: stowage
app.kubernetes.io/version: {{ $root.Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- with $root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "stowage.metadata" -}}
name: {{ include "stowage.name" . }}
namespace: {{ (index . 0).Release.Namespace | quote }}
labels: {{- include "stowage.labels" . | nindent 2 }}
{{- end }}

{{/* The name of a ConfigMap with one file: with another content it is another. Takes root, program, suffix, content. */}}
{{- define "stowage.file.name" -}}
{{ include "stowage.name" . }}-{{ index . 2 }}-{{ sha256sum (index . 3) | trunc 10 }}
{{- end }}
