{{/* Hosts and ports of the systems outside the release. */}}

{{/* A URL's host with its port, without user and password. */}}
{{- define "tripline.authority" -}}
{{- . | trim | regexFind "^[a-z+]+://[^/?#]+" | splitList "://" | last | splitList "@" | last }}
{{- end }}

{{/* The port of a URL. Arguments: the URL, and the port to use if it has none. */}}
{{- define "tripline.portOf" -}}
{{- regexFind ":[0-9]+$" (include "tripline.authority" (index . 0)) | trimPrefix ":" | default (index . 1) }}
{{- end }}

{{- define "tripline.hostOf" -}}
{{- regexReplaceAll ":[0-9]+$" (include "tripline.authority" .) "" }}
{{- end }}

{{/* root, entry (.Values.ingress or .Values.gateway): the services that are reachable from outside, with their hosts and paths. Health
checks and metrics are not. */}}
{{- define "tripline.publicRoutes" -}}
{{- $paths := dict "ingestion" (list "/v1" "/openapi.json") "auth" (list "/oauth" "/.well-known" "/sign-in" "/single-sign-on" "/scim" "/account") "console" (list "/") }}
{{- range $name := concat (list "auth" "ingestion") (ternary (list "console") list .root.Values.services.console.enabled) }}
{{- $host := ternary ($.entry.authHost | default $.entry.host) $.entry.host (eq $name "auth") }}
{{- if eq $name "console" }}{{ $host = include "tripline.hostOf" $.root.Values.console.url }}{{ end }}
- name: {{ $name }}
  host: {{ $host | quote }}
  paths: {{ get $paths $name | toJson }}
{{- end }}
{{- end }}

{{- define "tripline.port.redis" -}}
{{- if .Values.local.valkey.enabled }}6379
{{- else if .Values.redis.urlSecret }}{{ .Values.redis.port }}
{{- else }}{{ include "tripline.portOf" (list .Values.redis.url "6379") }}
{{- end }}
{{- end }}

{{- define "tripline.port.postgres" -}}
{{- if .Values.local.postgres.enabled }}5432{{ else }}{{ .Values.postgres.port }}{{ end }}
{{- end }}

{{/* An http or https URL, with or without the prefix `mlflow+`. */}}
{{- define "tripline.port.http" -}}
{{- include "tripline.portOf" (list . (ternary "443" "80" (contains "https://" .))) }}
{{- end }}

{{/* Where the services send spans and logs; empty if they do not. */}}
{{- define "tripline.otlpEndpoint" -}}
{{- $own := ternary (printf "http://%s-collector:4318" (include "tripline.fullname" .)) "" .Values.telemetry.collector.enabled }}
{{- .Values.workload.otlpEndpoint | default $own }}
{{- end }}

{{/* root, name (of networkPolicy.peers), hosts: `to` of a rule. Configured peers replace everything else. Otherwise, a host that is a
Service's name selects its namespace, because not every network plugin matches pods by CIDR (Cilium does not), and systems
outside the cluster are matched by CIDR. */}}
{{- define "tripline.peers" -}}
{{- $values := .root.Values }}
{{- $peers := list }}
{{- range .hosts }}
{{- $namespace := "" }}
{{- if regexMatch "\\.svc(\\.[a-z.]+)?$" . }}{{ $namespace = regexReplaceAll "^.*?([a-z0-9-]+)\\.svc(\\.[a-z.]+)?$" . "${1}" }}
{{- else if regexMatch "^[a-z][a-z0-9-]*(\\.[a-z][a-z0-9-]*)?$" . }}{{ $namespace = rest (splitList "." .) | first | default $.root.Release.Namespace }}
{{- end }}
{{- with $namespace }}{{ $peers = append $peers (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" .))) }}{{ end }}
{{- end }}
{{- if and (eq .name "kafka") $values.kafka.strimzi.enabled }}
{{- $peers = append $peers (dict "podSelector" (dict "matchLabels" (dict "strimzi.io/cluster" $values.kafka.strimzi.cluster))) }}
{{- end }}
{{- $peers = append $peers (dict "ipBlock" (dict "cidr" $values.networkPolicy.outside)) }}
{{- get $values.networkPolicy.peers .name | default (uniq $peers) | toYaml }}
{{- end }}
