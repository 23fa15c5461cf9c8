{{- define "stowage.chaos.selector" -}}
{{ include "stowage.selector" (list . "chaos") }}
{{- if eq .Values.chaos.kind "Deployment" }}
app.kubernetes.io/component: schedule
{{- end }}
{{- end }}

{{- define "stowage.chaos.args" -}}
{{- $values := .Values.chaos }}
{{- $name := include "stowage.name" (list . "chaos") }}
{{- $args := list }}
{{- if eq $values.kind "Deployment" }}
{{- with $values.day }}
{{- $args = list "schedule" "--in-cluster" "--no-dry-run" (printf "--run-hour=%d" (int .runHour)) (printf "--start-hour=%d" (int .startHour)) (printf "--end-hour=%d" (int .endHour)) (printf "--run-days=%s" (join "," .runDays)) }}
{{- end }}
{{- $args = concat $args (list (printf "--timezone=%s" $values.timeZone) "--secure-port=10260") }}
{{- if ne $name "stowage-chaos" }}{{ $args = append $args (printf "--state-config-map=%s/%s-schedule" .Release.Namespace $name) }}{{ end }}
{{- else }}
{{- if $values.scenario }}
{{- $args = list "scenario" "run" "/etc/stowage/scenario.yaml" "--in-cluster" }}
{{- else }}
{{- with $values.evict }}
{{- $args = list "evict" "--in-cluster" (printf "--namespace-labels=%s" .namespaceLabels) }}
{{- /* Required, because nobody watches a scheduled run. */}}
{{- with .excludedWeekdays }}{{ $args = append $args (printf "--excluded-weekdays=%s" (join "," .)) }}{{ end }}
{{- with .excludedTimesOfDay }}{{ $args = append $args (printf "--excluded-times-of-day=%s" (join "," .)) }}{{ end }}
{{- $args = concat $args (list (printf "--timezone=%s" $values.timeZone) (printf "--recovery-timeout=%s" .recoveryTimeout)) }}
{{- end }}
{{- end }}
{{- if not $values.dryRun }}{{ $args = append $args "--no-dry-run" }}{{ end }}
{{- end }}
{{- if include "stowage.scheduler.own" . }}{{ $args = append $args "--scheduler-config=/etc/stowage-scheduler/config.yaml" }}{{ end }}
{{- include "stowage.args" (list . $args) }}
{{- end }}

{{/* Whether it runs a scenario. */}}
{{- define "stowage.chaos.scenario" -}}
{{- if and .Values.chaos.scenario (eq .Values.chaos.kind "CronJob") }}yes{{ end }}
{{- end }}

{{/* The template of its pods. */}}
{{- define "stowage.chaos.pod" -}}
{{- $values := .Values.chaos }}
{{- $daily := eq $values.kind "Deployment" -}}
metadata:
  labels:
    {{- include "stowage.chaos.selector" . | nindent 4 }}
    {{- with $values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with $values.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "stowage.pod.place" (list . "chaos") | nindent 2 }}
  {{- if not $daily }}
  # At the deadline the run restores what it changed and ends, before the next one is due. It is
  # set on the pod because a Job's own deadline deletes the pod, with its log and report.
  activeDeadlineSeconds: {{ int64 $values.activeDeadlineSeconds }}
  restartPolicy: Never
  {{- end }}
  # Restoring stops after two minutes without progress; then the report is written.
  terminationGracePeriodSeconds: 150
  securityContext: {{- include "stowage.pod.security" (list . true) | nindent 4 }}
  containers:
  - name: chaos
    {{- include "stowage.image" (list . $values.image) | nindent 4 }}
    env: {{- include "stowage.pod.own" . | nindent 4 }}
    args: {{ include "stowage.chaos.args" . }}
    {{- if $daily }}
    ports:
    - name: https # health, which needs no credentials, and metrics, which do
      containerPort: 10260
    livenessProbe:
      httpGet: {path: /livez, port: https, scheme: HTTPS}
    readinessProbe:
      httpGet: {path: /readyz, port: https, scheme: HTTPS}
      periodSeconds: 2 # a rollout waits for it
    {{- end }}
    workingDir: /journal # the report is in the log as well
    resources: {{- toYaml $values.resources | nindent 6 }}
    securityContext: {{- include "stowage.container.security" . | nindent 6 }}
    volumeMounts:
    - name: journal
      mountPath: /journal
    {{- if include "stowage.chaos.scenario" . }}
    - name: scenario
      mountPath: /etc/stowage
      readOnly: true
    {{- end }}
    {{- if include "stowage.scheduler.own" . }}{{ include "stowage.scheduler.own.mount" . | nindent 4 }}{{ end }}
  volumes:
  - name: journal
    {{- if $values.journalClaim }}
    persistentVolumeClaim:
      claimName: {{ $values.journalClaim }}
    {{- else }}
    emptyDir: {}
    {{- end }}
  {{- if include "stowage.chaos.scenario" . }}
  - name: scenario
    configMap:
      name: {{ include "stowage.file.name" (list . "chaos" "scenario" $values.scenario) }}
  {{- end }}
  {{- if include "stowage.scheduler.own" . }}{{ include "stowage.scheduler.own.volume" . | nindent 2 }}{{ end }}
{{- end }}
