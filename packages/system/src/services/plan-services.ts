import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { ProgramName, ServiceName } from "../service-environment/service-variables.js";
import { variablesOf } from "../service-environment/service-variables.js";
import { TOGETHER_TARGETS } from "../service-environment/shared-sources.js";
import type { LocalValue } from "../service-environment/variable-source.js";
import type { ClientSecrets, DemoSecrets, PeoplePasswords } from "./demo-secrets.js";
import type { ServiceAccess } from "./local-security.js";
import type { ServicePlan } from "./supervise-services.js";

/** Ports of one local installation. */
export interface SystemPorts {
  readonly ingestion: number;
  readonly auth: number;
  readonly control: number;
  readonly console: number;
  readonly features: number;
  readonly scoring: number;
  readonly scoringGrpc: number;
  readonly decisions: number;
  readonly archive: number;
  readonly kafka: number;
  readonly redis: number;
  readonly postgres: number;
}

export interface PlanOptions {
  readonly ports: SystemPorts;
  readonly secrets: DemoSecrets;
  readonly kafkaBrokers: readonly string[];
  /** Prefix of every topic and group name. */
  readonly topicPrefix?: string;
  readonly redisUrl: string;
  readonly postgresUrl: string;
  readonly registryUrl: string;
  /** Maximum age, in days, of event times that ingestion accepts. */
  readonly eventAgeDaysMax: number;
  /** How long a decision may wait for its score, in ms. */
  readonly scoringWaitMs: number;
  /** How long a decision may wait for its score explanation, in ms. Default: the service's own default. */
  readonly contributionsWaitMs?: number;
  /** The archive's lake; if absent, the archive service is not started. */
  readonly lakeDirectory?: string;
  /** Where the console stores case attachments; if absent, none can be added. */
  readonly attachmentsUrl?: string;
  /** Where the control plane stores anchors of the audit log. */
  readonly anchorsUrl?: string;
  /** Whether the console runs. Default: no. */
  readonly hasConsole?: boolean;
  readonly logLevel?: string;
  /** Set if profiles are loaded. If so, the feature service reads those of the feature spec. */
  readonly profiles?: object;
  /** If set, TLS is used for every address, and each service has its own identity. */
  readonly accessOf?: (service: ServiceName) => ServiceAccess;
  /** Default: `services`, with one process each. */
  readonly topology?: Topology;
}

/** One process per service, or a single process for the decision and scoring services. */
export const TOPOLOGIES = ["services", "together"] as const;
export type Topology = (typeof TOPOLOGIES)[number];

const STARTED: Readonly<Record<Topology, readonly ProgramName[]>> = {
  services: ["auth", "control", "ingestion", "features", "scoring", "decisions", "archive", "console"],
  together: ["auth", "control", "ingestion", "features", "tripline", "archive", "console"],
};

export const DEMO_TENANT = "demo";
export const DEMO_CLIENT_ID = "demo-shop";
export const DEMO_SCOPES =
  "transactions:write decisions:read decisions:explain labels:write payment-updates:write fraud-reports:write features:read features:write";
/** May change policies, lists and rollouts, which the shop may not. */
export const OPERATOR_CLIENT_ID = "demo-operator";
export const OPERATOR_SCOPES =
  "policy:read policy:write lists:read lists:write models:read models:write audit:read people:read people:write " +
  "personal:read personal:erase operations:read operations:write webhooks:read webhooks:write cases:read";
/** Approves the operator's requests. */
export const APPROVER_CLIENT_ID = "demo-approver";
const APPROVER_SCOPES = "policy:read policy:approve";
/** Rolls out better models from the training worker. */
export const TRAINING_CLIENT_ID = "demo-training";
const TRAINING_SCOPES = "models:read models:write";
/** The scopes of the clients that an installation for development registers. */
export const CLIENT_SCOPES = {
  shop: DEMO_SCOPES,
  operator: OPERATOR_SCOPES,
  approver: APPROVER_SCOPES,
  training: TRAINING_SCOPES,
} as const;
/** Signs in users of the console. The auth service registers it automatically. */
export const CONSOLE_CLIENT_ID = "tripline-console";
/** A console user with every role. */
export const DEMO_USER_NAME = "demo";
/** Owns the approving client. The operator's client has a different owner. */
const DEMO_LEAD_USER_NAME = "demo-lead";
export const MODEL_NAME = "fraud";

const HOST = "127.0.0.1";
const LOOPBACK = "127.0.0.0/8";

/** On one machine, small files cost little, and an up-to-date lake helps its readers. */
const ARCHIVE_FLUSH_AGE_MS = 2_000;

/** The services whose readiness the console shows. */
const WATCHED = ["auth", "control", "ingestion", "features", "decisions", "archive"] as const;

/** Base URL of a port of a local system. */
export function localUrl(port: number, isSecure: boolean): string {
  return `${isSecure ? "https" : "http"}://${HOST}:${port}`;
}

/** The processes with their environments, in start order. */
export function planServices(options: PlanOptions): readonly ServicePlan[] {
  const shared = valuesOf(options);
  const names = STARTED[options.topology ?? "services"];
  return names
    .filter((name) => name !== "archive" || options.lakeDirectory !== undefined)
    .filter((name) => name !== "console" || options.hasConsole === true)
    .map((name) => {
      const port = options.ports[name === "tripline" ? "decisions" : name];
      const values = { ...shared, ...accessValues(name, options), port: String(port) };
      const known: Partial<Record<LocalValue, string | undefined>> = values;
      const environment = Object.entries(variablesOf(name)).flatMap(([variable, { local }]) => {
        const value = local === undefined ? undefined : known[local];
        return value === undefined ? [] : [[variable, value] as const];
      });
      const isBackground = name === "archive" ? { isBackground: true } : {};
      return {
        name,
        url: localUrl(port, options.accessOf !== undefined),
        environment: Object.fromEntries(environment),
        ...isBackground,
      };
    });
}

/** The clients that the auth service registers when it first starts. */
export function bootstrapClients({ clientSecret, operatorSecret, approverSecret }: ClientSecrets): readonly object[] {
  return [
    { client_id: DEMO_CLIENT_ID, client_secret: clientSecret, scopes: DEMO_SCOPES.split(" ") },
    {
      client_id: OPERATOR_CLIENT_ID,
      client_secret: operatorSecret,
      scopes: OPERATOR_SCOPES.split(" "),
      owner: DEMO_USER_NAME,
    },
    {
      client_id: APPROVER_CLIENT_ID,
      client_secret: approverSecret,
      scopes: APPROVER_SCOPES.split(" "),
      owner: DEMO_LEAD_USER_NAME,
    },
  ].map((client) => ({ ...client, tenant: DEMO_TENANT }));
}

/** The training worker's client. */
export function trainingClient(secret: string): object {
  const scopes = TRAINING_SCOPES.split(" ");
  return { client_id: TRAINING_CLIENT_ID, client_secret: secret, scopes, tenant: DEMO_TENANT };
}

/** The users that can sign in from the first start. */
export function bootstrapPeople({ demoPassword, leadPassword }: PeoplePasswords): readonly object[] {
  return [
    { user_name: DEMO_USER_NAME, name: "Demo", roles: ["analyst", "lead", "admin"], password: demoPassword },
    { user_name: DEMO_LEAD_USER_NAME, name: "Demo lead", roles: ["lead"], password: leadPassword },
  ].map((person) => ({ ...person, tenant: DEMO_TENANT }));
}

type SharedValue = Exclude<
  LocalValue,
  "port" | "tls" | "grpcClients" | "authorityFile" | "certificateFile" | "keyFile"
>;

/** The values that differ per service. A process with decisions and scoring counts as the decision service. */
function accessValues(
  program: ProgramName,
  { accessOf }: PlanOptions,
): Partial<Record<LocalValue, string | undefined>> {
  if (accessOf === undefined) return {};
  return { tls: "true", grpcClients: "decisions", ...accessOf(program === "tripline" ? "decisions" : program) };
}

/** The values of the services' variables; undefined means that the default applies. */
function valuesOf(options: PlanOptions): Readonly<Record<SharedValue, string | undefined>> {
  const url = (port: number): string => localUrl(port, options.accessOf !== undefined);
  const { ports, secrets, contributionsWaitMs } = options;
  const issuer = url(ports.auth);
  return {
    // In a local system, webhook receivers and identity providers run on the same machine.
    allowedNetworks: LOOPBACK,
    archiveFlushAgeMs: String(ARCHIVE_FLUSH_AGE_MS),
    anchorsUrl: options.anchorsUrl,
    attachmentsUrl: options.attachmentsUrl,
    auditSigningKey: secrets.auditSigningKey,
    bootstrapClients: JSON.stringify([...bootstrapClients(secrets), trainingClient(secrets.trainingSecret)]),
    bootstrapPeople: JSON.stringify(bootstrapPeople(secrets)),
    cardTokenKey: secrets.cardTokenKey,
    consoleClientSecret: secrets.consoleSecret,
    consoleUrl: url(ports.console),
    controlUrl: url(ports.control),
    contributionsWaitMs: contributionsWaitMs === undefined ? undefined : String(contributionsWaitMs),
    eventAgeDaysMax: String(options.eventAgeDaysMax),
    feastProfiles: options.profiles && Object.keys(currentFeatureSpec().profiles).join(","),
    feastTenant: DEMO_TENANT,
    featureSpecVersion: String(currentFeatureSpec().version),
    grpcPort: String(ports.scoringGrpc),
    host: HOST,
    ingestionUrl: url(ports.ingestion),
    issuer,
    jwksUrl: `${issuer}/oauth/jwks`,
    kafkaBrokers: options.kafkaBrokers.join(","),
    keyEncryptionKey: secrets.keyEncryptionKey,
    lakeDirectory: options.lakeDirectory,
    logLevel: options.logLevel ?? "info",
    modelName: MODEL_NAME,
    models: `${MODEL_NAME}@champion,${MODEL_NAME}@candidate?`,
    operatorTenant: DEMO_TENANT,
    personalMasterKey: secrets.personalMasterKey,
    postgresUrl: options.postgresUrl,
    rateLimit: "0",
    redisUrl: options.redisUrl,
    registryUrl: options.registryUrl,
    scoringAddress: `${HOST}:${ports.scoringGrpc}`,
    scoringPort: String(ports.scoring),
    scoringWaitMs: String(options.scoringWaitMs),
    sessionKey: secrets.sessionKey,
    targets: TOGETHER_TARGETS,
    tokenUrl: `${issuer}/oauth/token`,
    topicPrefix: options.topicPrefix ?? "",
    watchedServices: WATCHED.filter((name) => name !== "archive" || options.lakeDirectory !== undefined)
      .map((name) => `${name}=${url(ports[name])}`)
      .join(","),
  };
}
