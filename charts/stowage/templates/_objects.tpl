{{/*
The objects in a file of config/, adapted to this release. Takes root, program, text, and annotations
for the ClusterRole. Helm creates the namespace.
*/}}
{{- define "stowage.objects" -}}
{{- $root := .root }}
{{- $labels := include "stowage.labels" (list .root .program) | fromYaml }}
{{- $annotations := .annotations }}
{{- range splitList "\n---\n" .text }}
{{- $object := fromYaml . }}
{{- if ne $object.kind "Namespace" }}
{{- $_ := set $object.metadata "name" (include "stowage.renamed" (list $root $object.metadata.name)) }}
{{- $_ := set $object.metadata "labels" $labels }}
{{- if and $annotations (eq $object.kind "ClusterRole") }}
{{- $_ := set $object.metadata "annotations" $annotations }}
{{- end }}
{{- if eq ($object.metadata.namespace | default "") "stowage-system" }}
{{- $_ := set $object.metadata "namespace" $root.Release.Namespace }}
{{- end }}
{{- range $object.rules }}
{{- if .resourceNames }}
{{- $names := list }}
{{- range .resourceNames }}{{ $names = append $names (include "stowage.renamed" (list $root .)) }}{{ end }}
{{- $_ := set . "resourceNames" $names }}
{{- end }}
{{- end }}
{{- with $object.roleRef }}
{{- $_ := set . "name" (include "stowage.renamed" (list $root .name)) }}
{{- end }}
{{- range $object.subjects }}
{{- $_ := set . "name" (include "stowage.renamed" (list $root .name)) }}
{{- $_ := set . "namespace" $root.Release.Namespace }}
{{- end }}
{{- range $object.webhooks }}
{{- with (.clientConfig | default dict).service }}
{{- $_ := set . "name" (include "stowage.renamed" (list $root .name)) }}
{{- $_ := set . "namespace" $root.Release.Namespace }}
{{- end }}
{{- end }}
{{- if hasKey ($object.spec | default dict) "policyName" }}
{{- $_ := set $object.spec "policyName" (include "stowage.renamed" (list $root $object.spec.policyName)) }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
{{- end }}
