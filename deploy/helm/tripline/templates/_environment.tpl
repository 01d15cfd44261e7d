{{/* Generated from packages/system/src/service-environment by `npm run documents`.
The environment of each program. Each program, and each group of variables that programs share, has a template:
`environment` templates produce variables as YAML, and `secrets` templates produce entries of a container's `env`.
checks.yaml compares values with the numbers in `limits`, and secrets-development.yaml registers clients with `clientScopes`. */}}

{{- define "tripline.environment.service" -}}
PORT: "8080"
HOST: "0.0.0.0"
METRICS_PORT: "9464"
{{- if .Values.tls.enabled }}
HTTP_CERT_FILE: /etc/tripline/tls/tls.crt
HTTP_KEY_FILE: /etc/tripline/tls/tls.key
NODE_EXTRA_CA_CERTS: /etc/tripline/tls/ca.crt
{{- end }}
LOG_LEVEL: {{ .Values.workload.logLevel | quote }}
DRAIN_SECONDS: {{ .Values.workload.drainSeconds | quote }}
{{- if (include "tripline.otlpEndpoint" .) }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ include "tripline.otlpEndpoint" . | quote }}
{{- end }}
{{- if .Values.workload.deploymentEnvironment }}
DEPLOYMENT_ENVIRONMENT: {{ .Values.workload.deploymentEnvironment | quote }}
{{- end }}
{{- end }}

{{- define "tripline.environment.kafka" -}}
KAFKA_BROKERS: {{ include "tripline.kafkaBrokers" . | quote }}
KAFKA_TOPIC_PREFIX: {{ .Values.kafka.topicPrefix | quote }}
KAFKA_TLS: {{ .Values.kafka.tls | quote }}
KAFKA_SASL: {{ .Values.kafka.authentication | quote }}
{{- if .Values.kafka.caSecret }}
KAFKA_CA_FILE: /etc/tripline/kafka-ca/ca.crt
{{- end }}
{{- if .Values.access.kafka }}
KAFKA_CERT_FILE: /etc/tripline/tls/tls.crt
{{- end }}
{{- if and .Values.kafka.certificateSecret (not .Values.access.kafka) }}
KAFKA_CERT_FILE: /etc/tripline/kafka-certificate/tls.crt
{{- end }}
{{- if .Values.access.kafka }}
KAFKA_KEY_FILE: /etc/tripline/tls/tls.key
{{- end }}
{{- if and .Values.kafka.certificateSecret (not .Values.access.kafka) }}
KAFKA_KEY_FILE: /etc/tripline/kafka-certificate/tls.key
{{- end }}
{{- end }}

{{- define "tripline.secrets.kafka" -}}
{{- if .Values.kafka.credentialsSecret }}
{{ include "tripline.secretKey" (list "KAFKA_USERNAME" .Values.kafka.credentialsSecret "username") }}
{{ include "tripline.secretKey" (list "KAFKA_PASSWORD" .Values.kafka.credentialsSecret "password") }}
{{- end }}
{{- end }}

{{- define "tripline.environment.redis" -}}
{{- if .Values.local.valkey.enabled }}
REDIS_URL: redis://{{ include "tripline.fullname" . }}-valkey:6379
{{- end }}
{{- if not (or .Values.local.valkey.enabled .Values.redis.urlSecret) }}
REDIS_URL: {{ .Values.redis.url | quote }}
{{- end }}
REDIS_AUTH: {{ .Values.redis.authentication | quote }}
{{- if .Values.redis.caSecret }}
REDIS_CA_FILE: /etc/tripline/redis-ca/ca.crt
{{- end }}
{{- end }}

{{- define "tripline.secrets.redis" -}}
{{- if and .Values.redis.urlSecret (not .Values.local.valkey.enabled) }}
{{ include "tripline.secretKey" (list "REDIS_URL" .Values.redis.urlSecret "redis-url") }}
{{- end }}
{{- end }}

{{- define "tripline.environment.tokens" -}}
AUTH_ISSUER: {{ include "tripline.issuer" . | quote }}
AUTH_JWKS_URL: {{ include "tripline.scheme" . }}://{{ include "tripline.fullname" . }}-auth:8080/oauth/jwks
{{- end }}

{{- define "tripline.environment.database" -}}
{{- if ne .Values.postgres.authentication "none" }}
POSTGRES_URL: {{ printf "postgresql://%s@%s:%v/%s" (urlquery .Values.postgres.user) .Values.postgres.host .Values.postgres.port .Values.postgres.database | quote }}
{{- end }}
POSTGRES_AUTH: {{ .Values.postgres.authentication | quote }}
{{- if .Values.postgres.caSecret }}
POSTGRES_CA_FILE: /etc/tripline/postgres-ca/ca.crt
{{- end }}
{{- end }}

{{- define "tripline.secrets.database" -}}
{{- if eq .Values.postgres.authentication "none" }}
{{ include "tripline.secretKey" (list "POSTGRES_URL" (include "tripline.secretName" (dict "root" . "name" "auth")) "postgres-url") }}
{{- end }}
{{- end }}

{{- define "tripline.environment.controlDatabase" -}}
{{- if ne .Values.postgres.authentication "none" }}
POSTGRES_URL: {{ printf "postgresql://%s@%s:%v/%s" (urlquery (.Values.postgres.controlUser | default .Values.postgres.user)) .Values.postgres.host .Values.postgres.port .Values.postgres.database | quote }}
{{- end }}
POSTGRES_AUTH: {{ .Values.postgres.authentication | quote }}
{{- if .Values.postgres.caSecret }}
POSTGRES_CA_FILE: /etc/tripline/postgres-ca/ca.crt
{{- end }}
{{- end }}

{{- define "tripline.secrets.controlDatabase" -}}
{{- if eq .Values.postgres.authentication "none" }}
{{ include "tripline.secretKey" (list "POSTGRES_URL" (.Values.secrets.control.existingSecret | default (include "tripline.secretName" (dict "root" . "name" "auth"))) "postgres-url") }}
{{- end }}
{{- end }}

{{- define "tripline.environment.consoleDatabase" -}}
{{- if ne .Values.postgres.authentication "none" }}
POSTGRES_URL: {{ printf "postgresql://%s@%s:%v/%s" (urlquery (.Values.postgres.consoleUser | default .Values.postgres.user)) .Values.postgres.host .Values.postgres.port .Values.postgres.database | quote }}
{{- end }}
POSTGRES_AUTH: {{ .Values.postgres.authentication | quote }}
{{- if .Values.postgres.caSecret }}
POSTGRES_CA_FILE: /etc/tripline/postgres-ca/ca.crt
{{- end }}
{{- end }}

{{- define "tripline.secrets.consoleDatabase" -}}
{{- if eq .Values.postgres.authentication "none" }}
{{ include "tripline.secretKey" (list "POSTGRES_URL" (.Values.secrets.console.existingSecret | default (include "tripline.secretName" (dict "root" . "name" "auth"))) "postgres-url") }}
{{- end }}
{{- end }}

{{- define "tripline.environment.registry" -}}
REGISTRY_URL: {{ include "tripline.registryUrl" . | quote }}
MODEL_CACHE_DIRECTORY: /tmp/models
{{- if .Values.objectStore.endpoint }}
AWS_ENDPOINT_URL_S3: {{ .Values.objectStore.endpoint | quote }}
{{- end }}
{{- end }}

{{- define "tripline.secrets.registry" -}}
{{- if .Values.registry.mlflowSecret }}
{{ include "tripline.optionalKey" (list "MLFLOW_TRACKING_TOKEN" .Values.registry.mlflowSecret "token") }}
{{ include "tripline.optionalKey" (list "MLFLOW_TRACKING_USERNAME" .Values.registry.mlflowSecret "username") }}
{{ include "tripline.optionalKey" (list "MLFLOW_TRACKING_PASSWORD" .Values.registry.mlflowSecret "password") }}
{{- end }}
{{- end }}

{{- define "tripline.environment.ingestion" -}}
{{ include "tripline.environment.service" . }}
{{ include "tripline.environment.kafka" . }}
{{ include "tripline.environment.redis" . }}
{{ include "tripline.environment.tokens" . }}
{{- if .Values.personalData.masterKey }}
PERSONAL_MASTER_KEY: {{ .Values.personalData.masterKey | quote }}
{{- end }}
{{- end }}

{{- define "tripline.secrets.ingestion" -}}
{{ include "tripline.secrets.kafka" . }}
{{ include "tripline.secrets.redis" . }}
{{ include "tripline.secretKey" (list "CARD_TOKEN_KEY" (include "tripline.secretName" (dict "root" . "name" "ingestion")) "card-token-key") }}
{{- if and .Values.personalData.masterKeySecret (not .Values.personalData.masterKey) }}
{{ include "tripline.secretKey" (list "PERSONAL_MASTER_KEY" .Values.personalData.masterKeySecret "personal-master-key") }}
{{- end }}
{{- if and .Values.secrets.development (not (or .Values.personalData.masterKeySecret .Values.personalData.masterKey)) }}
{{ include "tripline.secretKey" (list "PERSONAL_MASTER_KEY" (include "tripline.secretName" (dict "root" . "name" "ingestion")) "personal-master-key") }}
{{- end }}
{{- end }}

{{- define "tripline.environment.features" -}}
{{ include "tripline.environment.service" . }}
{{ include "tripline.environment.kafka" . }}
{{ include "tripline.environment.redis" . }}
{{ include "tripline.environment.tokens" . }}
{{- if .Values.feast.tenant }}
FEAST_TENANT: {{ .Values.feast.tenant | quote }}
{{- end }}
{{- if .Values.feast.project }}
FEAST_PROJECT: {{ .Values.feast.project | quote }}
{{- end }}
{{- if and .Values.feast.tenant .Values.feast.profiles }}
FEAST_PROFILES: {{ .Values.feast.profiles | quote }}
{{- end }}
{{- end }}

{{- define "tripline.secrets.features" -}}
{{ include "tripline.secrets.kafka" . }}
{{ include "tripline.secrets.redis" . }}
{{- end }}

{{- define "tripline.environment.scoring" -}}
{{ include "tripline.environment.service" . }}
{{ include "tripline.environment.registry" . }}
GRPC_PORT: "9000"
{{- if .Values.tls.enabled }}
GRPC_CERT_FILE: /etc/tripline/tls/tls.crt
GRPC_KEY_FILE: /etc/tripline/tls/tls.key
GRPC_CLIENT_CA_FILE: /etc/tripline/tls/ca.crt
GRPC_CLIENTS: decisions
{{- end }}
{{- if .Values.services.scoring.gpu.enabled }}
EXECUTION_PROVIDERS: cuda,trees,cpu
{{- end }}
{{- end }}

{{- define "tripline.secrets.scoring" -}}
{{ include "tripline.secrets.registry" . }}
{{- end }}

{{- define "tripline.environment.decisions" -}}
{{ include "tripline.environment.service" . }}
{{ include "tripline.environment.kafka" . }}
{{ include "tripline.environment.redis" . }}
{{ include "tripline.environment.registry" . }}
SCORING_ADDRESS: {{ include "tripline.fullname" . }}-scoring-grpc:9000
{{- if .Values.scoringEndpoint.url }}
SCORING_ENDPOINT_URL: {{ .Values.scoringEndpoint.url | quote }}
SCORING_ENDPOINT_AUTH: {{ .Values.scoringEndpoint.authentication | quote }}
{{- end }}
{{- if .Values.tls.enabled }}
SCORING_TLS: "true"
SCORING_CA_FILE: /etc/tripline/tls/ca.crt
SCORING_CERT_FILE: /etc/tripline/tls/tls.crt
SCORING_KEY_FILE: /etc/tripline/tls/tls.key
{{- end }}
{{- if and .Values.feast.tenant .Values.feast.profiles }}
FEAST_PROFILES: {{ .Values.feast.profiles | quote }}
{{- end }}
{{- if .Values.services.decisions.policy }}
POLICY_FILE: /etc/tripline/policy/policy.yaml
{{- end }}
{{- end }}

{{- define "tripline.secrets.decisions" -}}
{{ include "tripline.secrets.kafka" . }}
{{ include "tripline.secrets.redis" . }}
{{ include "tripline.secrets.registry" . }}
{{- if .Values.scoringEndpoint.keySecret }}
{{ include "tripline.secretKey" (list "SCORING_ENDPOINT_KEY" .Values.scoringEndpoint.keySecret "scoring-endpoint-key") }}
{{- end }}
{{- end }}

{{- define "tripline.environment.auth" -}}
{{ include "tripline.environment.service" . }}
{{ include "tripline.environment.database" . }}
{{ include "tripline.environment.kafka" . }}
AUTH_ISSUER: {{ include "tripline.issuer" . | quote }}
{{- if .Values.auth.trustedProxies }}
TRUSTED_PROXIES: {{ .Values.auth.trustedProxies | quote }}
{{- end }}
{{- if .Values.auth.singleSignOn.allowedNetworks }}
PROVIDER_ALLOWED_NETWORKS: {{ .Values.auth.singleSignOn.allowedNetworks | quote }}
{{- end }}
{{- if .Values.console.url }}
CONSOLE_URL: {{ .Values.console.url | quote }}
{{- end }}
{{- end }}

{{- define "tripline.secrets.auth" -}}
{{ include "tripline.secrets.database" . }}
{{ include "tripline.secrets.kafka" . }}
{{ include "tripline.secretKey" (list "KEY_ENCRYPTION_KEY" (include "tripline.secretName" (dict "root" . "name" "auth")) "key-encryption-key") }}
{{ include "tripline.secretKey" (list "BOOTSTRAP_CLIENTS" (include "tripline.secretName" (dict "root" . "name" "auth")) "bootstrap-clients") }}
{{ include "tripline.optionalKey" (list "BOOTSTRAP_PEOPLE" (include "tripline.secretName" (dict "root" . "name" "auth")) "bootstrap-people") }}
{{ include "tripline.optionalKey" (list "CONSOLE_CLIENT_SECRET" (include "tripline.secretName" (dict "root" . "name" "auth")) "console-client-secret") }}
{{- end }}

{{- define "tripline.environment.control" -}}
{{ include "tripline.environment.service" . }}
{{ include "tripline.environment.kafka" . }}
{{ include "tripline.environment.tokens" . }}
{{ include "tripline.environment.controlDatabase" . }}
{{ include "tripline.environment.registry" . }}
OPERATOR_TENANT: {{ .Values.control.operatorTenant | quote }}
{{- if and .Values.feast.tenant .Values.feast.profiles }}
FEAST_PROFILES: {{ .Values.feast.profiles | quote }}
{{- end }}
{{- if .Values.personalData.masterKey }}
PERSONAL_MASTER_KEY: {{ .Values.personalData.masterKey | quote }}
{{- end }}
{{- if .Values.control.webhooks.allowedNetworks }}
WEBHOOK_ALLOWED_NETWORKS: {{ .Values.control.webhooks.allowedNetworks | quote }}
{{- end }}
{{- if .Values.objectStore.anchors }}
AUDIT_ANCHOR_URL: {{ .Values.objectStore.anchors | quote }}
{{- end }}
{{- end }}

{{- define "tripline.secrets.control" -}}
{{ include "tripline.secrets.kafka" . }}
{{ include "tripline.secrets.controlDatabase" . }}
{{ include "tripline.secrets.registry" . }}
{{- if .Values.control.auditSecret }}
{{ include "tripline.secretKey" (list "AUDIT_SIGNING_KEY" .Values.control.auditSecret "audit-signing-key") }}
{{- end }}
{{- if and .Values.secrets.external.enabled (get .Values.secretStore.names "control") (not .Values.control.auditSecret) }}
{{ include "tripline.secretKey" (list "AUDIT_SIGNING_KEY" (include "tripline.secretName" (dict "root" . "name" "control")) "audit-signing-key") }}
{{- end }}
{{- if include "tripline.auditSecret" . }}
{{ include "tripline.optionalKey" (list "AUDIT_SIGNING_KEY" (include "tripline.auditSecret" .) "audit-signing-key") }}
{{- end }}
{{- if and .Values.personalData.masterKeySecret (not .Values.personalData.masterKey) }}
{{ include "tripline.secretKey" (list "PERSONAL_MASTER_KEY" .Values.personalData.masterKeySecret "personal-master-key") }}
{{- end }}
{{- if and .Values.secrets.development (not (or .Values.personalData.masterKeySecret .Values.personalData.masterKey)) }}
{{ include "tripline.secretKey" (list "PERSONAL_MASTER_KEY" (include "tripline.secretName" (dict "root" . "name" "ingestion")) "personal-master-key") }}
{{- end }}
{{- end }}

{{- define "tripline.environment.console" -}}
{{ include "tripline.environment.service" . }}
{{ include "tripline.environment.kafka" . }}
{{ include "tripline.environment.tokens" . }}
{{ include "tripline.environment.consoleDatabase" . }}
{{ include "tripline.environment.registry" . }}
AUTH_TOKEN_URL: {{ include "tripline.scheme" . }}://{{ include "tripline.fullname" . }}-auth:8080/oauth/token
{{- if .Values.console.url }}
CONSOLE_URL: {{ .Values.console.url | quote }}
{{- end }}
INGESTION_URL: {{ include "tripline.scheme" . }}://{{ include "tripline.fullname" . }}-ingestion:8080
CONTROL_URL: {{ include "tripline.scheme" . }}://{{ include "tripline.fullname" . }}-control:8080
WATCHED_SERVICES: auth={{ include "tripline.scheme" . }}://{{ include "tripline.fullname" . }}-auth:8080,control={{ include "tripline.scheme" . }}://{{ include "tripline.fullname" . }}-control:8080,ingestion={{ include "tripline.scheme" . }}://{{ include "tripline.fullname" . }}-ingestion:8080,features={{ include "tripline.scheme" . }}://{{ include "tripline.fullname" . }}-features:8080,decisions={{ include "tripline.scheme" . }}://{{ include "tripline.fullname" . }}-decisions:8080,archive={{ include "tripline.scheme" . }}://{{ include "tripline.fullname" . }}-archive:8080
{{- if .Values.objectStore.attachments }}
ATTACHMENTS_URL: {{ .Values.objectStore.attachments | quote }}
{{- end }}
{{- if .Values.console.narrative.model }}
NARRATIVE_MODEL: {{ .Values.console.narrative.model | quote }}
{{- end }}
{{- if .Values.console.narrative.endpoint }}
NARRATIVE_ENDPOINT: {{ .Values.console.narrative.endpoint | quote }}
{{- end }}
{{- if .Values.console.narrative.region }}
NARRATIVE_REGION: {{ .Values.console.narrative.region | quote }}
{{- end }}
{{- if .Values.console.narrative.project }}
NARRATIVE_PROJECT: {{ .Values.console.narrative.project | quote }}
{{- end }}
{{- end }}

{{- define "tripline.secrets.console" -}}
{{ include "tripline.secrets.kafka" . }}
{{ include "tripline.secrets.consoleDatabase" . }}
{{ include "tripline.secrets.registry" . }}
{{ include "tripline.secretKey" (list "CONSOLE_CLIENT_SECRET" (include "tripline.secretName" (dict "root" . "name" "auth")) "console-client-secret") }}
{{ include "tripline.secretKey" (list "SESSION_KEY" (include "tripline.secretName" (dict "root" . "name" "console")) "session-key") }}
{{- if .Values.console.narrative.keySecret }}
{{ include "tripline.secretKey" (list "NARRATIVE_API_KEY" .Values.console.narrative.keySecret "narrative-api-key") }}
{{- end }}
{{- end }}

{{- define "tripline.environment.archive" -}}
{{ include "tripline.environment.service" . }}
{{ include "tripline.environment.kafka" . }}
LAKE_URL: {{ include "tripline.lakeUrl" . | quote }}
{{- if .Values.objectStore.endpoint }}
AWS_ENDPOINT_URL_S3: {{ .Values.objectStore.endpoint | quote }}
{{- end }}
SNAPSHOT_INTERVAL_HOURS: {{ include "tripline.snapshotHours" . | quote }}
COMPACTION_INTERVAL_MINUTES: {{ .Values.lake.compactionMinutes | quote }}
{{- end }}

{{- define "tripline.secrets.archive" -}}
{{ include "tripline.secrets.kafka" . }}
{{- end }}

{{- define "tripline.environment.tripline" -}}
{{ include "tripline.environment.service" . }}
{{ include "tripline.environment.kafka" . }}
{{ include "tripline.environment.redis" . }}
{{ include "tripline.environment.registry" . }}
TARGETS: "decisions,scoring"
SCORING_PORT: "8082"
GRPC_PORT: "9000"
{{- if .Values.tls.enabled }}
GRPC_CERT_FILE: /etc/tripline/tls/tls.crt
GRPC_KEY_FILE: /etc/tripline/tls/tls.key
GRPC_CLIENT_CA_FILE: /etc/tripline/tls/ca.crt
GRPC_CLIENTS: decisions
{{- end }}
{{- if .Values.services.scoring.gpu.enabled }}
EXECUTION_PROVIDERS: cuda,trees,cpu
{{- end }}
{{- if .Values.scoringEndpoint.url }}
SCORING_ENDPOINT_URL: {{ .Values.scoringEndpoint.url | quote }}
SCORING_ENDPOINT_AUTH: {{ .Values.scoringEndpoint.authentication | quote }}
{{- end }}
{{- if .Values.tls.enabled }}
SCORING_TLS: "true"
SCORING_CA_FILE: /etc/tripline/tls/ca.crt
SCORING_CERT_FILE: /etc/tripline/tls/tls.crt
SCORING_KEY_FILE: /etc/tripline/tls/tls.key
{{- end }}
{{- if and .Values.feast.tenant .Values.feast.profiles }}
FEAST_PROFILES: {{ .Values.feast.profiles | quote }}
{{- end }}
{{- if .Values.services.decisions.policy }}
POLICY_FILE: /etc/tripline/policy/policy.yaml
{{- end }}
{{- end }}

{{- define "tripline.secrets.tripline" -}}
{{ include "tripline.secrets.kafka" . }}
{{ include "tripline.secrets.redis" . }}
{{ include "tripline.secrets.registry" . }}
{{- if .Values.scoringEndpoint.keySecret }}
{{ include "tripline.secretKey" (list "SCORING_ENDPOINT_KEY" .Values.scoringEndpoint.keySecret "scoring-endpoint-key") }}
{{- end }}
{{- end }}

{{- define "tripline.clientScopes" -}}
shop: transactions:write decisions:read decisions:explain labels:write payment-updates:write fraud-reports:write features:read features:write
operator: policy:read policy:write lists:read lists:write models:read models:write audit:read people:read people:write personal:read personal:erase operations:read operations:write webhooks:read webhooks:write cases:read
approver: policy:read policy:approve
training: models:read models:write
{{- end }}

{{- define "tripline.limits" -}}
ROWS_PER_CALL_MAX: 200
AFTER_SCORING_MS: 20
HURRY_MS_MAX: 1000
SCORING_WAIT_MS_MAX: 250
DECISION_TTL_HOURS: 72
DEADLINE_MS_DEFAULT: 2000
IDEMPOTENCY_TTL_HOURS: 24
{{- end }}
