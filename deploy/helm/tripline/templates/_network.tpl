{{/* Hosts and ports of the systems outside of the release. */}}

{{/* A URL's host with its port, without user and password. */}}
{{- define "tripline.authority" -}}
{{- . | trim | regexFind "^[a-z+]+://[^/?#]+" | splitList "://" | last | splitList "@" | last }}
{{- end }}

{{/* URL, and the port to use if it has none. */}}
{{- define "tripline.portOf" -}}
{{- regexFind ":[0-9]+$" (include "tripline.authority" (index . 0)) | trimPrefix ":" | default (index . 1) }}
{{- end }}

{{- define "tripline.hostOf" -}}
{{- regexReplaceAll ":[0-9]+$" (include "tripline.authority" .) "" }}
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

{{/* A URL of http or https, with `mlflow+` before it or not. */}}
{{- define "tripline.port.http" -}}
{{- include "tripline.portOf" (list . (ternary "443" "80" (contains "https://" .))) }}
{{- end }}

{{/* Where the services send spans and logs; empty: nowhere. */}}
{{- define "tripline.otlpEndpoint" -}}
{{- $own := ternary (printf "http://%s-collector:4318" (include "tripline.fullname" .)) "" .Values.telemetry.collector.enabled }}
{{- .Values.workload.otlpEndpoint | default $own }}
{{- end }}

{{/* root, name (of networkPolicy.peers), hosts: `to` of a rule. Peers that are named are all there are. Otherwise a host that is a
Service's name tells its namespace, since not every network takes a pod's address for a part of a CIDR (Cilium does not);
and whatever is outside of the cluster is in a CIDR. */}}
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
