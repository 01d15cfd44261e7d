import type { ChartSource, LocalValue, VariableSource } from "./variable-source.js";
import {
  chartFile,
  chartSecretFor,
  chartSecretOf,
  chartTemplate,
  chartValue,
  composeVariable,
} from "./variable-source.js";

/* Sources of values that several variables share. */

// Ports in containers. Pods and images use the same ports; only the gRPC port is different in Compose.
export const HTTP_PORT = "8080";
export const METRICS_PORT = "9464";
export const GRPC_PORT = "9000";
export const COMPOSE_GRPC_PORT = "8081";
/** Port of the scoring service, if the decision service runs in the same process and uses the usual port. */
export const SECOND_HTTP_PORT = "8082";

/** Makes apps/tripline run the decision and scoring services. */
export const TOGETHER_TARGETS = "decisions,scoring";

/** URL scheme of the services' own addresses in the chart. */
export const SCHEME = `{{ include "tripline.scheme" . }}`;

export const SECRET_OF_KAFKA = "kafka.credentialsSecret";
export const SECRET_OF_MLFLOW = "registry.mlflowSecret";

export const issuer: VariableSource = {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Compose
  compose: "http://127.0.0.1:${TRIPLINE_AUTH_PORT:-7401}",
  chart: chartTemplate("tripline.issuer", "auth.issuer"),
  local: "issuer",
};

export const redisUrl: readonly ChartSource[] = [
  {
    when: ".Values.local.valkey.enabled",
    value: `redis://{{ include "tripline.fullname" . }}-valkey:6379`,
    setBy: "local.valkey.enabled",
  },
  {
    when: "not (or .Values.local.valkey.enabled .Values.redis.urlSecret)",
    value: "{{ .Values.redis.url | quote }}",
    setBy: "redis.url",
  },
  {
    when: "and .Values.redis.urlSecret (not .Values.local.valkey.enabled)",
    value: { secret: ".Values.redis.urlSecret", key: "redis-url" },
    setBy: "redis.urlSecret",
  },
];

export const consoleUrl: VariableSource = {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Compose
  compose: "http://127.0.0.1:${TRIPLINE_CONSOLE_PORT:-7416}",
  chart: chartValue("console.url", { isOptional: true }),
  local: "consoleUrl",
};

/**
 * The profiles that the feature service reads. The decision service rejects models and policies that use other
 * profiles; the control plane rejects policies that do so.
 */
export const feastProfiles: VariableSource = {
  compose: composeVariable("TRIPLINE_FEAST_PROFILES", ""),
  chart: { ...chartValue("feast.profiles"), when: "and .Values.feast.tenant .Values.feast.profiles" },
  local: "feastProfiles",
};

/** Ingestion wraps keys with it, and the control plane unwraps them. */
export const personalMasterKey: VariableSource = {
  composeSecret: "personal-master-key",
  chart: [
    chartValue("personalData.masterKey", { isOptional: true }),
    {
      ...chartSecretOf("personalData.masterKeySecret", "personal-master-key"),
      when: "and .Values.personalData.masterKeySecret (not .Values.personalData.masterKey)",
    },
    {
      ...chartSecretFor("ingestion", "personal-master-key"),
      when: "and .Values.secrets.development (not (or .Values.personalData.masterKeySecret .Values.personalData.masterKey))",
      setBy: "secrets.development",
    },
  ],
  local: "personalMasterKey",
};

/** A managed endpoint that runs scoring, and TLS for the scoring service. */
export const SCORING_CLIENT = {
  SCORING_ENDPOINT_URL: { compose: null, chart: chartValue("scoringEndpoint.url", { isOptional: true }) },
  SCORING_ENDPOINT_AUTH: {
    compose: null,
    chart: { ...chartValue("scoringEndpoint.authentication"), when: ".Values.scoringEndpoint.url" },
  },
  SCORING_ENDPOINT_KEY: { compose: null, chart: chartSecretOf("scoringEndpoint.keySecret", "scoring-endpoint-key") },
  SCORING_TLS: { chart: chartTls(), local: "tls", isInChartEnvironment: true },
  SCORING_CA_FILE: { chart: chartTls("ca.crt"), local: "authorityFile", isInChartEnvironment: true },
  SCORING_CERT_FILE: { chart: chartTls("tls.crt"), local: "certificateFile", isInChartEnvironment: true },
  SCORING_KEY_FILE: { chart: chartTls("tls.key"), local: "keyFile", isInChartEnvironment: true },
} as const satisfies Record<string, VariableSource>;

export const operatorTenant: VariableSource = {
  compose: composeVariable("TRIPLINE_OPERATOR_TENANT", "demo"),
  chart: chartValue("control.operatorTenant"),
  local: "operatorTenant",
};

/** Non-public networks that contain webhook receivers, tenants' identity providers, and the proxies in front of auth. */
export const ALLOWED_NETWORKS = {
  proxies: {
    compose: composeVariable("TRIPLINE_TRUSTED_PROXIES", ""),
    chart: chartValue("auth.trustedProxies", { isOptional: true }),
  },
  webhooks: {
    compose: composeVariable("TRIPLINE_WEBHOOK_ALLOWED_NETWORKS", ""),
    chart: chartValue("control.webhooks.allowedNetworks", { isOptional: true }),
    local: "allowedNetworks",
  },
  providers: {
    compose: composeVariable("TRIPLINE_PROVIDER_ALLOWED_NETWORKS", ""),
    chart: chartValue("auth.singleSignOn.allowedNetworks", { isOptional: true }),
    local: "allowedNetworks",
  },
} as const satisfies Record<string, VariableSource>;

/** With `tls`: the path of a file of the service's own certificate or, if `file` is missing, the flag `true`. */
export function chartTls(file?: "tls.crt" | "tls.key" | "ca.crt"): ChartSource {
  const value = file === undefined ? `"true"` : `/etc/tripline/tls/${file}`;
  return { when: ".Values.tls.enabled", value, setBy: "tls.enabled" };
}

/** The certificate for Kafka: the service's own if Kafka has access rules for each service, otherwise a shared one. */
export function kafkaCertificate(file: "tls.crt" | "tls.key"): readonly ChartSource[] {
  return [
    { when: ".Values.access.kafka", value: `/etc/tripline/tls/${file}`, setBy: "access.kafka" },
    {
      when: "and .Values.kafka.certificateSecret (not .Values.access.kafka)",
      value: `/etc/tripline/kafka-certificate/${file}`,
      setBy: "kafka.certificateSecret",
    },
  ];
}

/** The address of a service for other services of this system. */
export function serviceUrl(service: string, local: LocalValue, path = ""): VariableSource {
  return {
    compose: `http://${service}:${HTTP_PORT}${path}`,
    chart: { value: `${SCHEME}://{{ include "tripline.fullname" . }}-${service}:${HTTP_PORT}${path}` },
    local,
  };
}

/** The services whose readiness the console shows, each as `name=address`. */
export const WATCHED = ["auth", "control", "ingestion", "features", "decisions", "archive"];

/** A service's database settings, with its own user and schema. */
export function databaseOf(user: string, secret: ChartSource, setBy: string): Readonly<Record<string, VariableSource>> {
  const url: readonly ChartSource[] = [
    {
      when: `ne .Values.postgres.authentication "none"`,
      value:
        `{{ printf "postgresql://%s@%s:%v/%s" (urlquery ${user}) .Values.postgres.host ` +
        `.Values.postgres.port .Values.postgres.database | quote }}`,
      setBy: `postgres.host, .port, .database, ${setBy}`,
    },
    {
      ...secret,
      when: `eq .Values.postgres.authentication "none"`,
    },
  ];
  return {
    POSTGRES_URL: { composeSecret: "postgres-url", chart: url, local: "postgresUrl" },
    POSTGRES_AUTH: { chart: chartValue("postgres.authentication") },
    POSTGRES_CA_FILE: {
      chart: chartFile("postgres.caSecret", "/etc/tripline/postgres-ca/ca.crt"),
      local: "authorityFile",
    },
  };
}
