import {
  ALLOWED_NETWORKS,
  COMPOSE_GRPC_PORT,
  chartTls,
  consoleUrl,
  databaseOf,
  feastProfiles,
  GRPC_PORT,
  HTTP_PORT,
  issuer,
  kafkaCertificate,
  METRICS_PORT,
  operatorTenant,
  personalMasterKey,
  redisUrl,
  SCHEME,
  SCORING_CLIENT,
  SECOND_HTTP_PORT,
  SECRET_OF_KAFKA,
  SECRET_OF_MLFLOW,
  serviceUrl,
  TOGETHER_TARGETS,
  WATCHED,
} from "./shared-sources.js";
import type { VariableSource } from "./variable-source.js";
import {
  chartConstant,
  chartFile,
  chartSecretFor,
  chartSecretOf,
  chartTemplate,
  chartValue,
  composeVariable,
} from "./variable-source.js";

/*
 * The single definition of every service's environment. The blocks of compose.yaml, the chart's
 * templates/_environment.tpl, the variables in its values.schema.json, the plan of a system on one machine
 * (`planServices`) and the tables of docs/settings.md are generated from it. A variable's description, default and unit
 * are in its service's schema.
 */

export type Variables = Readonly<Record<string, VariableSource>>;
export type GroupName = keyof typeof VARIABLE_GROUPS;
export type ServiceName = keyof typeof SERVICE_VARIABLES;
/** The programs that run as processes: each service, and the decision service together with the scoring service. */
export type ProgramName = keyof typeof PROGRAM_VARIABLES;

/** Variables that several services share. */
export const VARIABLE_GROUPS = {
  service: {
    // The images themselves set these three variables, for 0.0.0.0 and the same ports.
    PORT: { chart: chartConstant(HTTP_PORT), local: "port" },
    HOST: { chart: chartConstant("0.0.0.0"), local: "host" },
    METRICS_PORT: { chart: chartConstant(METRICS_PORT) },
    HTTP_CERT_FILE: { chart: chartTls("tls.crt"), local: "certificateFile" },
    HTTP_KEY_FILE: { chart: chartTls("tls.key"), local: "keyFile" },
    NODE_EXTRA_CA_CERTS: {
      chart: chartTls("ca.crt"),
      local: "authorityFile",
      description:
        "PEM file with certificate authorities to trust in addition to Node.js's own, for requests to other services.",
    },
    LOG_LEVEL: { chart: chartValue("workload.logLevel"), local: "logLevel" },
    DRAIN_SECONDS: { chart: chartValue("workload.drainSeconds") },
    OTEL_EXPORTER_OTLP_ENDPOINT: {
      compose: null,
      chart: {
        ...chartTemplate("tripline.otlpEndpoint", "workload.otlpEndpoint"),
        when: '(include "tripline.otlpEndpoint" .)',
      },
      description: "OTLP over HTTP endpoint for spans and log lines. Without it, none are sent.",
    },
    DEPLOYMENT_ENVIRONMENT: {
      compose: null,
      chart: chartValue("workload.deploymentEnvironment", { isOptional: true }),
      description:
        "`deployment.environment.name` for spans, log lines and `target_info`, for instance `production`. `OTEL_RESOURCE_ATTRIBUTES` overrides it.",
    },
  },
  kafka: {
    KAFKA_BROKERS: {
      compose: "kafka:9092",
      chart: chartTemplate("tripline.kafkaBrokers", "kafka.bootstrapServers"),
      local: "kafkaBrokers",
    },
    KAFKA_TOPIC_PREFIX: { chart: chartValue("kafka.topicPrefix"), local: "topicPrefix" },
    KAFKA_TLS: { chart: chartValue("kafka.tls"), local: "tls" },
    KAFKA_SASL: { chart: chartValue("kafka.authentication") },
    KAFKA_CA_FILE: { chart: chartFile("kafka.caSecret", "/etc/tripline/kafka-ca/ca.crt"), local: "authorityFile" },
    KAFKA_CERT_FILE: {
      chart: kafkaCertificate("tls.crt"),
      local: "certificateFile",
      isInChartEnvironment: true,
    },
    KAFKA_KEY_FILE: {
      chart: kafkaCertificate("tls.key"),
      local: "keyFile",
      isInChartEnvironment: true,
    },
    KAFKA_USERNAME: { chart: chartSecretOf(SECRET_OF_KAFKA, "username") },
    KAFKA_PASSWORD: { chart: chartSecretOf(SECRET_OF_KAFKA, "password") },
  },
  redis: {
    // Per service, because only some services can use a cluster.
    REDIS_URL: { compose: "redis://valkey:6379", chart: redisUrl, local: "redisUrl", isInChartEnvironment: true },
    REDIS_AUTH: { chart: chartValue("redis.authentication") },
    REDIS_CA_FILE: { chart: chartFile("redis.caSecret", "/etc/tripline/redis-ca/ca.crt"), local: "authorityFile" },
  },
  tokens: {
    AUTH_ISSUER: issuer,
    AUTH_JWKS_URL: {
      compose: `http://auth:${HTTP_PORT}/oauth/jwks`,
      chart: { value: `${SCHEME}://{{ include "tripline.fullname" . }}-auth:${HTTP_PORT}/oauth/jwks` },
      local: "jwksUrl",
    },
  },
  database: databaseOf(".Values.postgres.user", chartSecretFor("auth", "postgres-url"), ".user"),
  controlDatabase: databaseOf(
    "(.Values.postgres.controlUser | default .Values.postgres.user)",
    {
      value: {
        secret: `(.Values.secrets.control.existingSecret | default (include "tripline.secretName" (dict "root" . "name" "auth")))`,
        key: "postgres-url",
      },
      setBy: "secrets.control, or secrets.auth",
    },
    ".controlUser",
  ),
  consoleDatabase: databaseOf(
    "(.Values.postgres.consoleUser | default .Values.postgres.user)",
    {
      value: {
        secret: `(.Values.secrets.console.existingSecret | default (include "tripline.secretName" (dict "root" . "name" "auth")))`,
        key: "postgres-url",
      },
      setBy: "secrets.console, or secrets.auth",
    },
    ".consoleUser",
  ),
  registry: {
    REGISTRY_URL: {
      compose: composeVariable("TRIPLINE_REGISTRY_URL", "file:///var/lib/tripline/registry"),
      chart: chartTemplate("tripline.registryUrl", "registry.url"),
      local: "registryUrl",
    },
    MODEL_CACHE_DIRECTORY: {
      compose: "/tmp/models",
      chart: { value: "/tmp/models" },
      description: "Cache folder for downloads from MLflow or a bucket.",
    },
    AWS_ENDPOINT_URL_S3: {
      chart: chartValue("objectStore.endpoint", { isOptional: true }),
      description: "URL of an S3-compatible server other than AWS, for a registry in a bucket.",
    },
    MLFLOW_TRACKING_TOKEN: {
      chart: chartSecretOf(SECRET_OF_MLFLOW, "token", { isOptional: true }),
      description: "Token for MLflow, if the registry is one.",
    },
    MLFLOW_TRACKING_USERNAME: {
      chart: chartSecretOf(SECRET_OF_MLFLOW, "username", { isOptional: true }),
      description: "MLflow user, instead of a token.",
    },
    MLFLOW_TRACKING_PASSWORD: {
      chart: chartSecretOf(SECRET_OF_MLFLOW, "password", { isOptional: true }),
      description: "Password of that user.",
    },
  },
} satisfies Record<string, Variables>;

/** The variables of each service: groups, and the service's own variables. */
export const SERVICE_VARIABLES = {
  ingestion: {
    groups: ["service", "kafka", "redis", "tokens"],
    own: {
      CARD_TOKEN_KEY: {
        composeSecret: "card-token-key",
        chart: chartSecretFor("ingestion", "card-token-key"),
        local: "cardTokenKey",
      },
      EVENT_AGE_DAYS_MAX: { local: "eventAgeDaysMax" },
      // A single machine has one tenant, and its replays and benchmarks run as fast as possible.
      RATE_LIMIT_TENANT: { local: "rateLimit" },
      RATE_LIMIT_CLIENT: { local: "rateLimit" },
      PERSONAL_MASTER_KEY: personalMasterKey,
    },
  },
  features: {
    groups: ["service", "kafka", "redis", "tokens"],
    own: {
      // The `feast` profile of compose.yaml contains the profiles of the only tenant.
      FEAST_TENANT: {
        compose: "demo",
        chart: chartValue("feast.tenant", { isOptional: true }),
        local: "feastTenant",
      },
      FEAST_PROJECT: { chart: chartValue("feast.project", { isOptional: true }) },
      FEAST_PROFILES: feastProfiles,
      // Without tokens, every caller is accepted, which is safe only on a single machine.
      FEATURES_ONLINE_TENANT: { isInChartEnvironment: false },
    },
  },
  scoring: {
    groups: ["service", "registry"],
    own: {
      GRPC_PORT: { compose: COMPOSE_GRPC_PORT, chart: chartConstant(GRPC_PORT), local: "grpcPort" },
      GRPC_CERT_FILE: { chart: chartTls("tls.crt"), local: "certificateFile", isInChartEnvironment: true },
      GRPC_KEY_FILE: { chart: chartTls("tls.key"), local: "keyFile", isInChartEnvironment: true },
      GRPC_CLIENT_CA_FILE: { chart: chartTls("ca.crt"), local: "authorityFile", isInChartEnvironment: true },
      GRPC_CLIENTS: { chart: { ...chartTls(), value: "decisions" }, local: "grpcClients", isInChartEnvironment: true },
      MODELS: { local: "models" },
      FEATURE_SPEC_VERSION: { local: "featureSpecVersion" },
      EXECUTION_PROVIDERS: {
        chart: {
          when: ".Values.services.scoring.gpu.enabled",
          value: "cuda,trees,cpu",
          setBy: "services.scoring.gpu.enabled",
        },
        isInChartEnvironment: true,
      },
    },
  },
  decisions: {
    groups: ["service", "kafka", "redis", "registry"],
    own: {
      SCORING_ADDRESS: {
        compose: `scoring:${COMPOSE_GRPC_PORT}`,
        chart: { value: `{{ include "tripline.fullname" . }}-scoring-grpc:${GRPC_PORT}` },
        local: "scoringAddress",
      },
      ...SCORING_CLIENT,
      MODEL_NAME: { local: "modelName" },
      FEAST_PROFILES: feastProfiles,
      SCORING_WAIT_MS_MAX: { local: "scoringWaitMs" },
      CONTRIBUTIONS_WAIT_MS_MAX: { local: "contributionsWaitMs" },
      POLICY_FILE: { chart: chartFile("services.decisions.policy", "/etc/tripline/policy/policy.yaml") },
    },
  },
  auth: {
    groups: ["service", "database", "kafka"],
    own: {
      AUTH_ISSUER: issuer,
      KEY_ENCRYPTION_KEY: {
        composeSecret: "key-encryption-key",
        chart: chartSecretFor("auth", "key-encryption-key"),
        local: "keyEncryptionKey",
      },
      BOOTSTRAP_CLIENTS: {
        composeSecret: "bootstrap-clients",
        chart: chartSecretFor("auth", "bootstrap-clients"),
        local: "bootstrapClients",
      },
      BOOTSTRAP_PEOPLE: {
        composeSecret: "bootstrap-people",
        chart: chartSecretFor("auth", "bootstrap-people", { isOptional: true }),
        local: "bootstrapPeople",
      },
      TRUSTED_PROXIES: ALLOWED_NETWORKS.proxies,
      PROVIDER_ALLOWED_NETWORKS: ALLOWED_NETWORKS.providers,
      CONSOLE_URL: consoleUrl,
      CONSOLE_CLIENT_SECRET: {
        composeSecret: "console-client-secret",
        chart: chartSecretFor("auth", "console-client-secret", { isOptional: true }),
        local: "consoleClientSecret",
      },
    },
  },
  control: {
    groups: ["service", "kafka", "tokens", "controlDatabase", "registry"],
    own: {
      OPERATOR_TENANT: operatorTenant,
      FEAST_PROFILES: feastProfiles,
      AUDIT_SIGNING_KEY: {
        composeSecret: "audit-signing-key",
        chart: [
          chartSecretOf("control.auditSecret", "audit-signing-key"),
          {
            ...chartSecretFor("control", "audit-signing-key"),
            when: `and .Values.secrets.external.enabled (get .Values.secretStore.names "control") (not .Values.control.auditSecret)`,
          },
          {
            value: { secret: `(include "tripline.auditSecret" .)`, key: "audit-signing-key", isOptional: true },
            when: `include "tripline.auditSecret" .`,
          },
        ],
        local: "auditSigningKey",
      },
      PERSONAL_MASTER_KEY: personalMasterKey,
      WEBHOOK_ALLOWED_NETWORKS: ALLOWED_NETWORKS.webhooks,
      AUDIT_ANCHOR_URL: {
        compose: composeVariable("TRIPLINE_ANCHORS_URL", "file:///var/lib/tripline/anchors"),
        chart: chartValue("objectStore.anchors", { isOptional: true }),
        local: "anchorsUrl",
      },
    },
  },
  console: {
    groups: ["service", "kafka", "tokens", "consoleDatabase", "registry"],
    own: {
      AUTH_TOKEN_URL: serviceUrl("auth", "tokenUrl", "/oauth/token"),
      CONSOLE_URL: consoleUrl,
      CONSOLE_CLIENT_SECRET: {
        composeSecret: "client-secret",
        chart: chartSecretFor("auth", "console-client-secret"),
        local: "consoleClientSecret",
      },
      SESSION_KEY: {
        composeSecret: "session-key",
        chart: chartSecretFor("console", "session-key"),
        local: "sessionKey",
      },
      INGESTION_URL: serviceUrl("ingestion", "ingestionUrl"),
      CONTROL_URL: serviceUrl("control", "controlUrl"),
      WATCHED_SERVICES: {
        // Scoring is not watched in the chart: it accepts connections only from decisions, and may run in its process.
        compose: [...WATCHED, "scoring"].map((name) => `${name}=http://${name}:${HTTP_PORT}`).join(","),
        chart: {
          value: WATCHED.map(
            (name) => `${name}=${SCHEME}://{{ include "tripline.fullname" . }}-${name}:${HTTP_PORT}`,
          ).join(","),
        },
        local: "watchedServices",
      },
      ATTACHMENTS_URL: {
        compose: composeVariable("TRIPLINE_ATTACHMENTS_URL", "file:///var/lib/tripline/attachments"),
        chart: chartValue("objectStore.attachments", { isOptional: true }),
        local: "attachmentsUrl",
      },
      NARRATIVE_MODEL: { compose: null, chart: chartValue("console.narrative.model", { isOptional: true }) },
      NARRATIVE_ENDPOINT: { compose: null, chart: chartValue("console.narrative.endpoint", { isOptional: true }) },
      NARRATIVE_REGION: { compose: null, chart: chartValue("console.narrative.region", { isOptional: true }) },
      NARRATIVE_PROJECT: { compose: null, chart: chartValue("console.narrative.project", { isOptional: true }) },
      NARRATIVE_API_KEY: { compose: null, chart: chartSecretOf("console.narrative.keySecret", "narrative-api-key") },
    },
  },
  archive: {
    groups: ["service", "kafka"],
    own: {
      LAKE_URL: {
        compose: "/var/lib/tripline/lake",
        chart: chartTemplate("tripline.lakeUrl", "lake.url"),
        local: "lakeDirectory",
      },
      AWS_ENDPOINT_URL_S3: {
        chart: chartValue("objectStore.endpoint", { isOptional: true }),
        description: "URL of an S3-compatible server other than AWS.",
      },
      FLUSH_AGE_MS: { compose: "10000", local: "archiveFlushAgeMs" },
      SNAPSHOT_INTERVAL_HOURS: {
        compose: composeVariable("TRIPLINE_SNAPSHOT_INTERVAL_HOURS", "6"),
        chart: {
          value: `{{ include "tripline.snapshotHours" . | quote }}`,
          setBy: "jobs.snapshots.everyHours",
        },
      },
      COMPACTION_INTERVAL_MINUTES: {
        compose: composeVariable("TRIPLINE_COMPACTION_INTERVAL_MINUTES", "60"),
        chart: chartValue("lake.compactionMinutes"),
      },
    },
  },
} satisfies Record<string, { readonly groups: readonly GroupName[]; readonly own: Variables }>;

export const SERVICE_NAMES = Object.keys(SERVICE_VARIABLES) as readonly ServiceName[];

const { SCORING_ADDRESS: _address, ...decisionsBesideScoring } = SERVICE_VARIABLES.decisions.own;

/** The same for the image `tripline` (apps/tripline), which runs the decision and scoring services in one process. */
export const PROGRAM_VARIABLES = {
  ...SERVICE_VARIABLES,
  tripline: {
    groups: ["service", "kafka", "redis", "registry"],
    own: {
      TARGETS: {
        chart: chartConstant(TOGETHER_TARGETS),
        local: "targets",
        description: "Services that the process runs, comma-separated, or `all`.",
      },
      SCORING_PORT: {
        chart: chartConstant(SECOND_HTTP_PORT),
        local: "scoringPort",
        description: "HTTP port of scoring. `PORT` is the port of decisions.",
      },
      ...SERVICE_VARIABLES.scoring.own,
      ...decisionsBesideScoring,
    },
  },
} satisfies Record<string, { readonly groups: readonly GroupName[]; readonly own: Variables }>;

export const PROGRAM_NAMES = Object.keys(PROGRAM_VARIABLES) as readonly ProgramName[];

/** All variables of a program, including shared ones. */
export function variablesOf(program: ProgramName): Variables {
  const { groups, own } = PROGRAM_VARIABLES[program];
  const shared: Variables[] = groups.map((group) => VARIABLE_GROUPS[group]);
  return Object.assign({}, ...shared, own);
}
