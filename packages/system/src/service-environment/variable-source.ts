/*
 * Where a service's variable comes from: in the containers of compose.yaml, in the Helm chart, and on one machine (`npm
 * run demo`). If there is no source, the default of the service's schema applies.
 */

export interface VariableSource {
  /** The value in compose.yaml. `null` passes on the caller's value. */
  readonly compose?: string | null;
  /** A file that contains the value, in the service's folder of the volume `secrets`. */
  readonly composeSecret?: string;
  /** Several sources, one of which is chosen by a condition; the conditions are mutually exclusive. */
  readonly chart?: ChartSource | readonly ChartSource[];
  /** The name of a value in the plan of a local system. */
  readonly local?: LocalValue;
  /** The description, if no service's schema contains the variable. */
  readonly description?: string;
  /**
   * Whether the chart accepts the variable in `services.<service>.environment`. Default: only if the chart has no
   * source of its own.
   */
  readonly isInChartEnvironment?: boolean;
}

export interface ChartSource {
  /** A Go template condition. If absent, the variable is always set. */
  readonly when?: string;
  /** YAML as a Go template; or the key of a Secret. */
  readonly value: string | ChartSecret;
  /** The value that chart users set for the variable, as shown in the documentation. */
  readonly setBy?: string;
}

export interface ChartSecret {
  /** A Go template expression for the name of the Secret. */
  readonly secret: string;
  readonly key: string;
  readonly isOptional?: boolean;
}

/** The values of `planServices`. */
export type LocalValue =
  | "anchorsUrl"
  | "archiveFlushAgeMs"
  | "attachmentsUrl"
  | "auditSigningKey"
  | "authorityFile"
  | "bootstrapClients"
  | "bootstrapPeople"
  | "cardTokenKey"
  | "certificateFile"
  | "consoleClientSecret"
  | "consoleUrl"
  | "contributionsWaitMs"
  | "controlUrl"
  | "eventAgeDaysMax"
  | "feastProfiles"
  | "feastTenant"
  | "featureSpecVersion"
  | "grpcClients"
  | "grpcPort"
  | "host"
  | "ingestionUrl"
  | "issuer"
  | "jwksUrl"
  | "kafkaBrokers"
  | "keyEncryptionKey"
  | "keyFile"
  | "lakeDirectory"
  | "logLevel"
  | "modelName"
  | "models"
  | "operatorTenant"
  | "personalMasterKey"
  | "port"
  | "postgresUrl"
  | "redisUrl"
  | "registryUrl"
  | "scoringAddress"
  | "scoringPort"
  | "rateLimit"
  | "scoringWaitMs"
  | "sessionKey"
  | "targets"
  | "tls"
  | "tokenUrl"
  | "topicPrefix"
  | "watchedServices"
  | "allowedNetworks";

/** A value of values.yaml. An optional value is set only if it is not empty. */
export function chartValue(path: string, options: { readonly isOptional?: boolean } = {}): ChartSource {
  const value = `{{ .Values.${path} | quote }}`;
  return { value, setBy: path, ...(options.isOptional === true ? { when: `.Values.${path}` } : {}) };
}

/** A variable of Compose, with a default. */
export function composeVariable(name: string, value: string): string {
  return `\${${name}:-${value}}`;
}

/** The same in every installation. */
export function chartConstant(value: string): ChartSource {
  return { value: JSON.stringify(value) };
}

/** The path of a file in a mounted Secret. A value names the Secret. */
export function chartFile(path: string, file: string): ChartSource {
  return { when: `.Values.${path}`, value: file, setBy: path };
}

/** A named template of the chart. */
export function chartTemplate(name: string, setBy: string): ChartSource {
  return { value: `{{ include "${name}" . | quote }}`, setBy };
}

/** A key of the Secret that a value names, if it is set. */
export function chartSecretOf(path: string, key: string, options: { readonly isOptional?: boolean } = {}): ChartSource {
  return { when: `.Values.${path}`, value: { secret: `.Values.${path}`, key, ...options }, setBy: path };
}

/** A key of a service's Secret. */
export function chartSecretFor(
  service: "ingestion" | "auth" | "control" | "console",
  key: string,
  options: { readonly isOptional?: boolean } = {},
): ChartSource {
  const secret = `(include "tripline.secretName" (dict "root" . "name" "${service}"))`;
  return { value: { secret, key, ...options }, setBy: `secrets.${service}` };
}
