{{/* The prefix of every name: the release's name, followed by the chart's name unless the release's name contains it. For the release
`tripline`, the names are those that cloud identities trust: tripline-<service>. 40 characters leave room for suffixes. */}}
{{- define "tripline.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name }}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- .Values.fullnameOverride | default $whole | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "tripline.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* root, name: the service account of a program. */}}
{{- define "tripline.account" -}}
{{- (get .root.Values.serviceAccounts .name).name | default (printf "%s-%s" (include "tripline.fullname" .root) .name) }}
{{- end }}

{{/* root, name: the Secret of ingestion, auth or client. */}}
{{- define "tripline.secretName" -}}
{{- (get .root.Values.secrets .name).existingSecret | default (printf "%s-%s" (include "tripline.fullname" .root) .name) }}
{{- end }}

{{/* The Secret that the chart creates for the audit log's key; empty if another one is named. */}}
{{- define "tripline.auditSecret" -}}
{{- if not (or .Values.control.auditSecret (and .Values.secrets.external.enabled (get .Values.secretStore.names "control"))) }}
{{- printf "%s-audit" (include "tripline.fullname" .) }}
{{- end }}
{{- end }}

{{- define "tripline.labels" -}}
app.kubernetes.io/name: {{ include "tripline.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: tripline
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ include "tripline.tag" (dict "root" .root) | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tripline.selector" -}}
app.kubernetes.io/name: {{ include "tripline.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of pods. They contain nothing that changes with the chart's version, because a change would restart every
     pod, including Kafka's. */}}
{{- define "tripline.podLabels" -}}
{{ include "tripline.selector" . }}
app.kubernetes.io/part-of: tripline
{{- end }}

{{- define "tripline.tag" -}}
{{- dig "image" "tag" "" . | default .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- end }}

{{/* root, image: an entry with `name` and `tag` */}}
{{- define "tripline.image" -}}
{{ printf "%s/%s:%s" (trimSuffix "/" .root.Values.image.registry) .image.name (include "tripline.tag" .) }}
{{- end }}

{{/* The enabled services, comma-separated. */}}
{{- define "tripline.enabled" -}}
{{- $names := list }}
{{- range $name, $service := .Values.services }}{{ if $service.enabled }}{{ $names = append $names $name }}{{ end }}{{ end }}
{{- join "," (sortAlpha $names) -}}
{{- end }}

{{/* "yes" if scoring runs in the pods of decisions. */}}
{{- define "tripline.together" -}}
{{- if eq .Values.topology "together" }}yes{{ end }}
{{- end }}

{{/* The enabled services that have their own pods, comma-separated. */}}
{{- define "tripline.programs" -}}
{{- $names := splitList "," (include "tripline.enabled" .) }}
{{- if include "tripline.together" . }}{{ $names = without $names "scoring" }}{{ end }}
{{- join "," $names -}}
{{- end }}

{{/* "yes" if the training worker runs: it needs a lake to read. */}}
{{- define "tripline.hasWorker" -}}
{{- if and .Values.jobs.worker.enabled (or .Values.lake.url .Values.lake.existingClaim .Values.services.archive.enabled) }}yes{{ end }}
{{- end }}

{{/* "yes" if the worker that saves and restores the window states runs: it needs states and a lake. */}}
{{- define "tripline.hasSnapshots" -}}
{{- if and .Values.services.features.enabled (or .Values.lake.url .Values.lake.existingClaim .Values.services.archive.enabled) }}yes{{ end }}
{{- end }}

{{/* "yes" if the lake is published as Iceberg tables. */}}
{{- define "tripline.hasIceberg" -}}
{{- if and .Values.jobs.iceberg.enabled (or .Values.lake.url .Values.lake.existingClaim .Values.services.archive.enabled) }}yes{{ end }}
{{- end }}

{{/* Hours between snapshots of the window states; 0 if none are taken. */}}
{{- define "tripline.snapshotHours" -}}
{{- if include "tripline.hasSnapshots" . }}{{ .Values.jobs.snapshots.everyHours }}{{ else }}0{{ end }}
{{- end }}

{{/* Long-running components with metrics, comma-separated: services and the training worker. */}}
{{- define "tripline.lasting" -}}
{{- include "tripline.programs" . }}{{ if include "tripline.hasWorker" . }},training{{ end }}
{{- end }}

{{/* Components with a certificate, comma-separated. If Kafka requires one, also snapshots and the commands of `helm test`. */}}
{{- define "tripline.certified" -}}
{{- include "tripline.lasting" . }}
{{- if and .Values.access.kafka (include "tripline.hasSnapshots" .) }},snapshots{{ end }}
{{- if and .Values.access.kafka .Values.jobs.test.enabled }},operator{{ end }}
{{- end }}

{{/* Where checkpoints are stored, so that they outlive a pod: a bucket, or the registry's volume. */}}
{{- define "tripline.checkpointsUrl" -}}
{{- if .Values.jobs.worker.checkpointsUrl }}{{ .Values.jobs.worker.checkpointsUrl }}
{{- else if .Values.objectStore.datasets }}{{ trimSuffix "/" .Values.objectStore.datasets }}/checkpoints
{{- else if not .Values.registry.url }}file:///var/lib/tripline/registry/checkpoints
{{- end }}
{{- end }}

{{- define "tripline.kafkaBrokers" -}}
{{- $name := printf "%s-kafka" (include "tripline.fullname" .) }}
{{- if not .Values.local.kafka.enabled }}{{ .Values.kafka.bootstrapServers }}
{{- else if eq (int .Values.local.kafka.brokers) 1 }}{{ $name }}:9092
{{- else }}
{{- /* Lists every broker, because the name that they share also resolves to brokers that are down. */}}
{{- range $index := until (int .Values.local.kafka.brokers) }}{{ ternary "" "," (eq $index 0) }}{{ $name }}-{{ $index }}.{{ $name }}:9092{{ end }}
{{- end }}
{{- end }}

{{- define "tripline.issuer" -}}
{{ .Values.auth.issuer | default (printf "%s://%s-auth.%s.svc.cluster.local:8080" (include "tripline.scheme" .) (include "tripline.fullname" .) .Release.Namespace) }}
{{- end }}

{{- define "tripline.registryUrl" -}}
{{ .Values.registry.url | default "file:///var/lib/tripline/registry" }}
{{- end }}

{{- define "tripline.registryClaim" -}}
{{ .Values.registry.existingClaim | default (printf "%s-registry" (include "tripline.fullname" .)) }}
{{- end }}

{{- define "tripline.lakeClaim" -}}
{{ .Values.lake.existingClaim | default (printf "%s-lake" (include "tripline.fullname" .)) }}
{{- end }}

{{- define "tripline.lakeUrl" -}}
{{ .Values.lake.url | default "/var/lib/tripline/lake" }}
{{- end }}

{{/* Maximum size of training's cache of a lake in a bucket, in GiB: a third of its scratch volume. Files in use can exceed it until
they have been read, and features, checkpoints and DuckDB's temporary files also need space. */}}
{{- define "tripline.lakeCacheGib" -}}
{{- max 1 (div (trimSuffix "Gi" (toString .Values.jobs.training.scratch)) 3) }}
{{- end }}

{{/* The jobs for topics and schema are hooks if they do not need other parts of the release, so that an install that cannot work
changes nothing. Otherwise, they are ordinary jobs, and the services wait for them. */}}
{{- define "tripline.topicsHook" -}}
{{- $values := .Values }}
{{- if not (or $values.local.kafka.enabled (has $values.kafka.authentication (list "aws-msk-iam" "gcp-oauth" "azure-entra"))) }}yes{{ end }}
{{- end }}

{{- define "tripline.migrateHook" -}}
{{- $values := .Values }}
{{- if not (or $values.local.postgres.enabled $values.secrets.development $values.secrets.external.enabled (ne $values.postgres.authentication "none")) }}yes{{ end }}
{{- end }}

{{/* "yes" if the job that creates topics also grants permissions. */}}
{{- define "tripline.givesRights" -}}
{{- with .Values.access }}{{ if or .kafka .redis .postgres }}yes{{ end }}{{ end }}
{{- end }}

{{/* The scheme of the services' own addresses. */}}
{{- define "tripline.scheme" -}}
{{ ternary "https" "http" .Values.tls.enabled }}
{{- end }}

{{/* The Secret with the certificate of a service: root, name. */}}
{{- define "tripline.tlsSecret" -}}
{{ get .root.Values.tls.secrets .name | default (printf "%s-%s-tls" (include "tripline.fullname" .root) .name) }}
{{- end }}
