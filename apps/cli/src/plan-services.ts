import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { DemoSecrets } from "./demo-secrets.js";
import type { ServicePlan } from "./supervise-services.js";

/** Ports of one installation on this machine. */
export interface SystemPorts {
  readonly ingestion: number;
  readonly auth: number;
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
  /** Put before every topic and group name. */
  readonly topicPrefix?: string;
  readonly redisUrl: string;
  readonly postgresUrl: string;
  readonly registryUrl: string;
  /** Oldest event time that the front door takes, in days. */
  readonly eventAgeDaysMax: number;
  /** How long a decision may wait for its score, in ms. */
  readonly scoringWaitMs: number;
  /** The scorecard that stands in for the model; without it the rules do. */
  readonly scorecardFile?: string;
  /** How long a decision may wait for what raised its score, in ms; the service's own default unless given. */
  readonly contributionsWaitMs?: number;
  /** Where the archive writes; it is not started unless given. */
  readonly lakeDirectory?: string;
  readonly logLevel?: string;
}

export const DEMO_TENANT = "demo";
export const DEMO_CLIENT_ID = "demo-shop";
export const DEMO_SCOPES = "transactions:write decisions:read labels:write features:read features:write";
export const MODEL_NAME = "fraud";

const url = (port: number): string => `http://127.0.0.1:${port}`;

/** The services with everything their environments have to say. */
export function planServices(options: PlanOptions): readonly ServicePlan[] {
  const { ports, secrets } = options;
  const issuer = url(ports.auth);
  const service = (port: number): Record<string, string> => ({
    PORT: String(port),
    HOST: "127.0.0.1",
    LOG_LEVEL: options.logLevel ?? "info",
  });
  const kafka = { KAFKA_BROKERS: options.kafkaBrokers.join(","), KAFKA_TOPIC_PREFIX: options.topicPrefix ?? "" };
  const redis = { REDIS_URL: options.redisUrl };
  const client = {
    client_id: DEMO_CLIENT_ID,
    tenant: DEMO_TENANT,
    client_secret: secrets.clientSecret,
    scopes: DEMO_SCOPES.split(" "),
  };
  return [
    {
      name: "auth",
      url: issuer,
      environment: {
        ...service(ports.auth),
        POSTGRES_URL: options.postgresUrl,
        AUTH_ISSUER: issuer,
        KEY_ENCRYPTION_KEY: secrets.keyEncryptionKey,
        BOOTSTRAP_CLIENTS: JSON.stringify([client]),
      },
    },
    {
      name: "ingestion",
      url: url(ports.ingestion),
      environment: {
        ...service(ports.ingestion),
        ...kafka,
        ...redis,
        AUTH_ISSUER: issuer,
        AUTH_JWKS_URL: `${issuer}/oauth/jwks`,
        CARD_TOKEN_KEY: secrets.cardTokenKey,
        EVENT_AGE_DAYS_MAX: String(options.eventAgeDaysMax),
      },
    },
    {
      name: "features",
      url: url(ports.features),
      environment: {
        ...service(ports.features),
        ...kafka,
        ...redis,
        AUTH_ISSUER: issuer,
        AUTH_JWKS_URL: `${issuer}/oauth/jwks`,
      },
    },
    {
      name: "scoring",
      url: url(ports.scoring),
      environment: {
        ...service(ports.scoring),
        GRPC_PORT: String(ports.scoringGrpc),
        REGISTRY_URL: options.registryUrl,
        MODELS: `${MODEL_NAME}@champion`,
        FEATURE_SPEC_VERSION: String(currentFeatureSpec().version),
      },
    },
    {
      name: "decisions",
      url: url(ports.decisions),
      environment: {
        ...service(ports.decisions),
        ...kafka,
        ...redis,
        SCORING_ADDRESS: `127.0.0.1:${ports.scoringGrpc}`,
        MODEL_NAME,
        SCORING_WAIT_MS_MAX: String(options.scoringWaitMs),
        ...(options.scorecardFile === undefined ? {} : { SCORECARD_FILE: options.scorecardFile }),
        ...(options.contributionsWaitMs === undefined
          ? {}
          : { CONTRIBUTIONS_WAIT_MS_MAX: String(options.contributionsWaitMs) }),
      },
    },
    ...archivePlans(options.lakeDirectory, url(ports.archive), { ...service(ports.archive), ...kafka }),
  ];
}

/** On one machine small files cost little, and a lake that is up to date helps whoever looks into it. */
const ARCHIVE_FLUSH_AGE_MS = 2_000;

function archivePlans(lake: string | undefined, address: string, environment: Record<string, string>): ServicePlan[] {
  if (lake === undefined) return [];
  const own = { LAKE_DIRECTORY: lake, FLUSH_AGE_MS: String(ARCHIVE_FLUSH_AGE_MS) };
  return [{ name: "archive", url: address, environment: { ...environment, ...own }, isBackground: true }];
}
