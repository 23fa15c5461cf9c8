{{/* The DeschedulerPolicy, as text. */}}
{{- define "stowage.descheduler.policy" -}}
{{ .Values.descheduler.policy | default (.Files.Get "files/descheduler/base/policy.yaml") }}
{{- end }}

{{/* The labels of its pods. Pods of Jobs of the same name must not count as replicas of a Deployment. */}}
{{- define "stowage.descheduler.selector" -}}
{{ include "stowage.selector" (list . "descheduler") }}
{{- if eq .Values.descheduler.kind "Deployment" }}
app.kubernetes.io/component: loop
{{- end }}
{{- end }}

{{- define "stowage.descheduler.args" -}}
{{- $name := include "stowage.name" (list . "descheduler") }}
{{- $args := list "--policy-config-file=/etc/stowage/policy.yaml" }}
{{- $loop := eq .Values.descheduler.kind "Deployment" }}
{{- if $loop }}{{ $args = concat $args (list (printf "--descheduling-interval=%s" .Values.descheduler.interval) "--leader-elect") }}{{ end }}
{{- if ne $name "stowage-descheduler" }}
{{- $args = append $args (printf "--cooldown-config-map=%s/%s" .Release.Namespace $name) }}
{{- if $loop }}{{ $args = append $args (printf "--leader-elect-resource-name=%s" $name) }}{{ end }}
{{- end }}
{{- if .Values.descheduler.dryRun }}{{ $args = append $args "--dry-run" }}{{ end }}
{{- if include "stowage.scheduler.own" . }}{{ $args = append $args "--scheduler-config=/etc/stowage-scheduler/config.yaml" }}{{ end }}
{{- include "stowage.args" (list . $args) }}
{{- end }}

{{/* The template of its pods. */}}
{{- define "stowage.descheduler.pod" -}}
{{- $program := list . "descheduler" }}
{{- $values := .Values.descheduler }}
{{- $loop := eq $values.kind "Deployment" -}}
metadata:
  labels:
    {{- include "stowage.descheduler.selector" . | nindent 4 }}
    {{- with $values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    # The descheduler must not evict itself, whatever the policy.
    descheduler.alpha.kubernetes.io/evict: "false"
    {{- with $values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  {{- include "stowage.pod.place" $program | nindent 2 }}
  {{- if not $loop }}
  # At the deadline the run ends cleanly, before the next one is due. It is set on the pod because a
  # Job's own deadline deletes the pod, with its log and report.
  activeDeadlineSeconds: {{ int64 $values.activeDeadlineSeconds }}
  restartPolicy: Never
  {{- end }}
  securityContext: {{- include "stowage.pod.security" (list . false) | nindent 4 }}
  {{- if $loop }}
  {{- include "stowage.pod.spread" (list $values.topologyKeys (include "stowage.descheduler.selector" .)) | nindent 2 }}
  {{- end }}
  containers:
  - name: descheduler
    {{- include "stowage.image" (list . $values.image) | nindent 4 }}
    env: {{- include "stowage.pod.own" . | nindent 4 }}
    args: {{ include "stowage.descheduler.args" . }}
    {{- if $loop }}
    ports:
    - name: https # health, which needs no credentials, and metrics, which do
      containerPort: 10258
    livenessProbe:
      httpGet: {path: /livez, port: https, scheme: HTTPS}
    readinessProbe:
      httpGet: {path: /readyz, port: https, scheme: HTTPS}
      periodSeconds: 2 # a rollout waits for it
    {{- end }}
    resources: {{- toYaml $values.resources | nindent 6 }}
    securityContext: {{- include "stowage.container.security" . | nindent 6 }}
    volumeMounts:
    - name: policy
      mountPath: /etc/stowage
      readOnly: true
    {{- if include "stowage.scheduler.own" . }}{{ include "stowage.scheduler.own.mount" . | nindent 4 }}{{ end }}
  volumes:
  - name: policy
    configMap:
      name: {{ include "stowage.file.name" (list . "descheduler" "policy" (include "stowage.descheduler.policy" .)) }}
  {{- if include "stowage.scheduler.own" . }}{{ include "stowage.scheduler.own.volume" . | nindent 2 }}{{ end }}
{{- end }}
