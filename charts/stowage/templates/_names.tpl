{{/* Templates take the root and a program: (list . "scheduler"). */}}

{{/* The name of a program's objects: stowage-scheduler in a release named stowage. */}}
{{- define "stowage.name" -}}
{{ (index . 0).Release.Name }}-{{ index . 1 }}
{{- end }}

{{/* The name of an object in this release. Takes its name in a release named stowage. */}}
{{- define "stowage.renamed" -}}
{{- if hasPrefix "stowage-" (index . 1) }}{{ (index . 0).Release.Name }}{{ trimPrefix "stowage" (index . 1) }}{{ else }}{{ index . 1 }}{{ end }}
{{- end }}

{{/* The selector labels of a program's pods. */}}
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

{{/* The name of a ConfigMap with one file, with a hash of its content. Takes root, program, suffix, content. */}}
{{- define "stowage.file.name" -}}
{{ include "stowage.name" . }}-{{ index . 2 }}-{{ sha256sum (index . 3) | trunc 10 }}
{{- end }}
