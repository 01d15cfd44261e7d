{{/* Settings of all pods: those that the Pod Security Standard `restricted` requires, and stricter ones. */}}

{{- define "tripline.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.workload.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "tripline.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* root, own: the values in `workload`, extended by the pod's own values. Lists are concatenated and maps merged; affinity and spread
constraints are replaced. */}}
{{- define "tripline.extras" -}}
{{- $all := .root.Values.workload }}
{{- $own := .own | default dict }}
{{- $extras := dict }}
{{- range list "extraEnv" "extraEnvFrom" "extraVolumes" "extraVolumeMounts" "extraInitContainers" "extraContainers" "tolerations" }}
{{- $_ := set $extras . (concat (get $all . | default list) (get $own . | default list)) }}
{{- end }}
{{- range list "podAnnotations" "podLabels" "nodeSelector" }}
{{- $_ := set $extras . (mergeOverwrite (deepCopy (get $all . | default dict)) (get $own . | default dict)) }}
{{- end }}
{{- range list "affinity" "topologySpreadConstraints" }}
{{- $_ := set $extras . (get $own . | default (get $all .)) }}
{{- end }}
{{- toYaml $extras }}
{{- end }}

{{/* root, pool, extras: scheduling constraints. There are none without pools from infra/ or values. */}}
{{- define "tripline.placement" -}}
{{- $pool := get .root.Values.nodePools .pool | default dict }}
{{- $selector := .extras.nodeSelector | default dict }}
{{- if $pool.dedicated }}{{ $selector = mergeOverwrite (dict "tripline-pool" .pool) $selector }}{{ end }}
{{- with $selector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- $tolerations := list }}
{{- if $pool.dedicated }}{{ $tolerations = append $tolerations (dict "key" "tripline-pool" "operator" "Equal" "value" .pool "effect" "NoSchedule") }}{{ end }}
{{- with .gpuResource }}{{ $tolerations = append $tolerations (dict "key" . "operator" "Exists" "effect" "NoSchedule") }}{{ end }}
{{- with concat $tolerations (.extras.tolerations | default list) }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .extras.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* root, component, account (or none), extras: a pod's labels. */}}
{{- define "tripline.allPodLabels" -}}
{{ include "tripline.podLabels" . }}
{{- with mergeOverwrite (deepCopy (.account | default dict)) (.extras.podLabels | default dict) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Certificates from Secrets, mounted as files. Arguments: root; which of kafka, redis and postgres; the service whose own certificate
is mounted; whether it is the job that grants permissions (`setup`). */}}
{{- define "tripline.certificates" -}}
{{- $values := .root.Values }}
{{- if and $values.tls.enabled .own }}
- { name: tls, secret: {{ include "tripline.tlsSecret" (dict "root" .root "name" .own) }} }
{{- end }}
{{- if .setup }}
- { name: tls, secret: {{ $values.access.setupSecret }} }
- { name: passwords, secret: {{ $values.access.passwordsSecret }} }
{{- end }}
{{- if .kafka }}
{{- with $values.kafka.caSecret }}
- { name: kafka-ca, secret: {{ . }} }
{{- end }}
{{- with $values.kafka.certificateSecret }}
- { name: kafka-certificate, secret: {{ . }} }
{{- end }}
{{- end }}
{{- if .redis }}
{{- with $values.redis.caSecret }}
- { name: redis-ca, secret: {{ . }} }
{{- end }}
{{- end }}
{{- if .postgres }}
{{- with $values.postgres.caSecret }}
- { name: postgres-ca, secret: {{ . }} }
{{- end }}
{{- end }}
{{- end }}

{{- define "tripline.certificateMounts" -}}
{{- range include "tripline.certificates" . | fromYamlArray }}
- { name: {{ .name }}, mountPath: /etc/tripline/{{ .name }}, readOnly: true }
{{- end }}
{{- end }}

{{- define "tripline.certificateVolumes" -}}
{{- range include "tripline.certificates" . | fromYamlArray }}
- name: {{ .name }}
  secret: { secretName: {{ .secret }} }
{{- end }}
{{- end }}

{{/* root, name: the program that runs in the pods of a service. */}}
{{- define "tripline.program" -}}
{{- if and (eq .name "decisions") (include "tripline.together" .root) }}tripline{{/* apps/tripline */}}{{ else }}{{ .name }}{{ end -}}
{{- end }}

{{/* root, name: the variables of a service; `environment` overrides others. In the pods of decisions, scoring's variables have its name
as a prefix. */}}
{{- define "tripline.variables" -}}
{{- $program := include "tripline.program" . }}
{{- $given := include (printf "tripline.environment.%s" $program) .root | fromYaml }}
{{- if ne $program .name }}
{{- range $key, $value := .root.Values.services.scoring.environment }}{{ $_ := set $given (printf "SCORING_%s" $key) $value }}{{ end }}
{{- end }}
{{- $own := get .root.Values.services .name | dig "environment" dict }}
{{- range $key, $value := mergeOverwrite $given $own }}
{{ $key }}: {{ toString $value | quote }}
{{- end }}
{{- end }}

{{/* A volume for temporary files. */}}
{{- define "tripline.scratch" -}}
- name: tmp
  emptyDir: { sizeLimit: 1Gi }
{{- end }}

{{/* Variables from a Secret, as entries of a container's `env`: variable, Secret, key. */}}
{{- define "tripline.secretKey" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef: { name: {{ index . 1 | quote }}, key: {{ index . 2 }} }
{{- end }}

{{- define "tripline.optionalKey" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef: { name: {{ index . 1 | quote }}, key: {{ index . 2 }}, optional: true }
{{- end }}

{{/* Variables as entries of a container's `env`, for jobs that run before the ConfigMaps exist. */}}
{{- define "tripline.asEnv" -}}
{{- range $name, $value := fromYaml . }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}

{{/* The address of Redis with the user and password of a service: root, name. */}}
{{- define "tripline.ownRedis" -}}
{{ include "tripline.secretKey" (list "REDIS_PASSWORD" .root.Values.access.passwordsSecret .name) }}
- { name: REDIS_URL, value: {{ regexReplaceAll "^(rediss?://)" .root.Values.redis.url (printf "${1}%s:$(REDIS_PASSWORD)@" .name) | quote }} }
{{- end }}
