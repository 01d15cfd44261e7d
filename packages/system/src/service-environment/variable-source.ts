/*
 * Where a variable of a service comes from: in the containers of compose.yaml, in the Helm chart, and on one machine (`npm
 * run demo`). Without a source the default of the service's schema applies.
 */

export interface VariableSource {
  /** The value in compose.yaml. `null` passes on the value of the caller's environment. */
  readonly compose?: string | null;
  /** A file of the volume `secrets`, in the folder of the service, that holds the value. */
  readonly composeSecret?: string;
  /** Several where a condition chooses; the conditions exclude each other. */
  readonly chart?: ChartSource | readonly ChartSource[];
  /** The name of a value in the plan of a system on one machine. */
  readonly local?: LocalValue;
  /** What the variable does, where no schema of a service has it. */
  readonly description?: string;
  /** Whether the chart takes it in `services.<service>.environment`; unless given, where the chart has no source of its own. */
  readonly isInChartEnvironment?: boolean;
}

export interface ChartSource {
  /** A condition in the language of Go's templates; without it the variable is always set. */
  readonly when?: string;
  /** YAML in the language of Go's templates; or the key of a Secret. */
  readonly value: string | ChartSecret;
  /** What a user of the chart sets for it, as readers see it. */
  readonly setBy?: string;
}

export interface ChartSecret {
  /** An expression of Go's templates for the name of the Secret. */
  readonly secret: string;
  readonly key: string;
  readonly isOptional?: boolean;
}

/** What `planServices` knows. */
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
  | "watchedServices";

/** A value of values.yaml; an optional one only while it is not empty. */
export function chartValue(path: string, options: { readonly isOptional?: boolean } = {}): ChartSource {
  const value = `{{ .Values.${path} | quote }}`;
  return { value, setBy: path, ...(options.isOptional === true ? { when: `.Values.${path}` } : {}) };
}

/** The same in every release. */
export function chartConstant(value: string): ChartSource {
  return { value: JSON.stringify(value) };
}

/** Where a Secret that a value names is mounted: the path of one of its files. */
export function chartFile(path: string, file: string): ChartSource {
  return { when: `.Values.${path}`, value: file, setBy: path };
}

/** A named template of the chart. */
export function chartTemplate(name: string, setBy: string): ChartSource {
  return { value: `{{ include "${name}" . | quote }}`, setBy };
}

/** A key of the Secret that a value names, while it names one. */
export function chartSecretOf(path: string, key: string, options: { readonly isOptional?: boolean } = {}): ChartSource {
  return { when: `.Values.${path}`, value: { secret: `.Values.${path}`, key, ...options }, setBy: path };
}

/** A key of the Secret of a service. */
export function chartSecretFor(
  service: "ingestion" | "auth" | "control" | "console",
  key: string,
  options: { readonly isOptional?: boolean } = {},
): ChartSource {
  const secret = `(include "tripline.secretName" (dict "root" . "name" "${service}"))`;
  return { value: { secret, key, ...options }, setBy: `secrets.${service}` };
}
