{{/* Takes the root and the image's values. */}}
{{- define "stowage.image" -}}
{{- $image := index . 1 -}}
image: {{ if $image.digest }}{{ printf "%s@%s" $image.repository $image.digest }}{{ else }}{{ printf "%s:%s" $image.repository ($image.tag | default (index . 0).Chart.AppVersion) }}{{ end }}
{{- with $image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end }}

{{/* Takes the root, and whether the program writes to volumes. */}}
{{- define "stowage.pod.security" -}}
runAsNonRoot: true
{{- with (index . 0).Values.runAsUser }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
{{- end }}
{{- if index . 1 }}
{{- with (index . 0).Values.runAsUser }}
fsGroup: {{ int64 . }} # a PersistentVolumeClaim is root's otherwise
{{- end }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "stowage.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The scheduling constraints of a program's pods. Takes root and program, and the program whose values are the fallback. */}}
{{- define "stowage.pod.place" -}}
{{- $values := index (index . 0).Values (last .) -}}
serviceAccountName: {{ include "stowage.name" . }}
{{- with (index . 0).Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 0 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Takes the topology keys and the labels of a Deployment's pods. */}}
{{- define "stowage.pod.spread" -}}
{{- $labels := index . 1 }}
{{- with index . 0 }}
topologySpreadConstraints:
{{- range . }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- $labels | nindent 6 }}
  # Ignore replicas of the previous revision: a rollout removes them.
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end }}

{{/* The environment by which a program recognizes its own pod. */}}
{{- define "stowage.pod.own" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- end }}

{{/* Arguments as a JSON list, with the logging flags. Takes the root and the list. */}}
{{- define "stowage.args" -}}
{{- $args := index . 1 }}
{{- with (index . 0).Values.logging }}
{{- if ne .format "text" }}{{ $args = append $args (printf "--logging-format=%s" .format) }}{{ end }}
{{- if .verbosity }}{{ $args = append $args (printf "--v=%d" (int .verbosity)) }}{{ end }}
{{- end }}
{{- toJson $args }}
{{- end }}

{{/* Rules of a NetworkPolicy for the API server and DNS. */}}
{{- define "stowage.egress" -}}
- ports:
  - {port: 53, protocol: UDP}
  - {port: 53, protocol: TCP}
  {{- range .Values.networkPolicy.apiServerPorts }}
  - port: {{ . }}
  {{- end }}
{{- end }}
