import type { Cloud, IdentityVariables } from "@tripline/cloud-identity/identity-variables";
import { identityVariables, missingIdentity, optionalText } from "@tripline/cloud-identity/identity-variables";
import { awsRegion, cacheName, roleName } from "@tripline/cloud-identity/open-tokens";
import { z } from "zod";

export { optionalText };

/** True and false in the spellings used by charts, compose files and users. */
export const flag = z
  .enum(["true", "false", ""], { error: "must be true or false" })
  .transform((text) => text === "true");

const AUTHORITIES = "PEM file with the certificate authorities to trust. Without it, Node.js's default authorities.";

export const kafkaConfig = {
  KAFKA_BROKERS: z
    .string()
    .transform((text) => text.split(",").map((broker) => broker.trim()))
    .pipe(z.array(z.string().regex(/^[^\s:]+:\d+$/, "must be host:port, comma-separated")).min(1))
    .meta({ description: "Bootstrap brokers: `host:port`, comma-separated." }),
  KAFKA_TOPIC_PREFIX: z
    .string()
    .regex(/^[a-zA-Z0-9._-]*$/)
    .default("")
    .meta({ description: "Prefix of every topic and group name, so that several installations can share a cluster." }),
  KAFKA_TLS: flag.default(false).meta({ description: "Connect with TLS." }),
  KAFKA_CA_FILE: optionalText.meta({ description: AUTHORITIES }),
  KAFKA_CERT_FILE: optionalText.meta({
    description: "PEM file with the client certificate, for brokers that require one.",
  }),
  KAFKA_KEY_FILE: optionalText.meta({ description: "PEM file with the private key of that certificate." }),
  KAFKA_SASL: z
    .enum(["none", "plain", "scram-sha-256", "scram-sha-512", "aws-msk-iam", "gcp-oauth", "azure-entra"])
    .default("none")
    .meta({
      description: "How the service authenticates: with a password, or with a token of its pod's cloud identity.",
    }),
  KAFKA_USERNAME: optionalText.meta({ description: "For `plain` and `scram-…`." }),
  KAFKA_PASSWORD: optionalText.meta({ description: "For `plain` and `scram-…`." }),
  ...identityVariables,
};

export const REDIS_TIMEOUT_MS_DEFAULT = 1_000;

export const redisConfig = {
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, "must start with redis:// or rediss://")
    .meta({ description: "`redis://user:password@host:port/database`, with `rediss://` for TLS." }),
  REDIS_CLUSTER: flag.default(false).meta({
    description:
      "Whether `REDIS_URL` is a node, or the configuration endpoint, of a Redis Cluster. The other nodes are found " +
      "automatically; all of them must accept the same user, password and certificate authorities.",
  }),
  REDIS_CA_FILE: optionalText.meta({ description: AUTHORITIES }),
  REDIS_AUTH: z
    .enum(["none", "aws-iam", "gcp-iam", "azure-entra"])
    .default("none")
    .meta({ description: "Authenticate with a token of the pod's cloud identity instead of a password." }),
  REDIS_TIMEOUT_MS: z.coerce.number().int().min(10).max(60_000).default(REDIS_TIMEOUT_MS_DEFAULT).meta({
    unit: "ms",
    description: "Maximum wait for a reply. When it is exceeded, the command fails and the connection is reopened.",
  }),
  ...identityVariables,
};

export const postgresConfig = {
  POSTGRES_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "must start with postgres:// or postgresql://")
    .meta({
      description:
        "`postgres://user:password@host:5432/database`. `sslmode` is `disable`, `verify-ca`, `verify-full` or `require`, " +
        "which means `verify-full` here.",
    }),
  POSTGRES_CA_FILE: optionalText.meta({ description: AUTHORITIES }),
  POSTGRES_AUTH: z.enum(["none", "aws-iam", "gcp-iam", "azure-entra"]).default("none").meta({
    description: "Authenticate with a token of the pod's cloud identity instead of a password. Requires TLS.",
  }),
  ...identityVariables,
};

const kafkaSchema = z.object(kafkaConfig);
const redisSchema = z.object(redisConfig);
const postgresSchema = z.object(postgresConfig);

/** For a program that starts another one and passes on its authentication settings. */
export const CONNECTION_VARIABLES: readonly string[] = Object.keys({
  ...kafkaConfig,
  ...redisConfig,
  ...postgresConfig,
});

export type KafkaConfig = z.infer<typeof kafkaSchema>;
export type RedisConfig = z.infer<typeof redisSchema>;
export type PostgresConfig = z.infer<typeof postgresSchema>;

/** The cloud of each kind of authentication that uses tokens. */
const CLOUDS: ReadonlyMap<string, Cloud> = new Map([
  ["aws-msk-iam", "aws"],
  ["aws-iam", "aws"],
  ["gcp-oauth", "gcp"],
  ["gcp-iam", "gcp"],
  ["azure-entra", "azure"],
]);

/**
 * Finds contradictory connection settings of a service.
 *
 * @param schema the service's schema
 * @returns a sentence for each fault, without a full stop
 */
export function connectionFaults(
  schema: z.ZodType,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  if (!(schema instanceof z.ZodObject)) return [];
  const kafka = "KAFKA_SASL" in schema.shape ? kafkaSchema.safeParse(environment).data : undefined;
  const redis = "REDIS_AUTH" in schema.shape ? redisSchema.safeParse(environment).data : undefined;
  const postgres = "POSTGRES_AUTH" in schema.shape ? postgresSchema.safeParse(environment).data : undefined;
  return [
    ...(kafka === undefined ? [] : kafkaFaults(kafka)),
    ...(redis === undefined ? [] : redisFaults(redis)),
    ...(postgres === undefined ? [] : postgresFaults(postgres)),
  ];
}

/** A fault if only one of two variables is set. An empty variable counts as unset. */
export function pairFaults<N extends string>(given: Readonly<{ [K in N]?: unknown }>, one: N, other: N): string[] {
  const isSet = (name: N): boolean => (given[name] ?? "") !== "";
  return isSet(one) === isSet(other) ? [] : [`set both ${one} and ${other}, or neither`];
}

function kafkaFaults(config: KafkaConfig): string[] {
  const { KAFKA_SASL: sasl, KAFKA_TLS: tls, KAFKA_USERNAME: user, KAFKA_PASSWORD: password } = config;
  const faults: string[] = [];
  const takesPassword = sasl === "plain" || sasl.startsWith("scram-");
  if (takesPassword && (user === undefined || password === undefined)) {
    faults.push(`KAFKA_SASL=${sasl} requires KAFKA_USERNAME and KAFKA_PASSWORD`);
  }
  if (!takesPassword && (user !== undefined || password !== undefined)) {
    faults.push(
      `KAFKA_USERNAME and KAFKA_PASSWORD apply only to KAFKA_SASL=plain, scram-sha-256 or scram-sha-512, not ${sasl}`,
    );
  }
  if (!tls) {
    if (sasl !== "none" && !sasl.startsWith("scram-")) {
      faults.push(`KAFKA_SASL=${sasl} requires KAFKA_TLS=true; otherwise, the credentials would be sent unencrypted`);
    }
    for (const name of ["KAFKA_CA_FILE", "KAFKA_CERT_FILE", "KAFKA_KEY_FILE"] as const) {
      if (config[name] !== undefined) faults.push(`${name} requires KAFKA_TLS=true`);
    }
  }
  faults.push(...pairFaults(config, "KAFKA_CERT_FILE", "KAFKA_KEY_FILE"));
  const [broker = ""] = config.KAFKA_BROKERS;
  return [...faults, ...identityFaults(`KAFKA_SASL=${sasl}`, sasl, config, broker)];
}

function redisFaults(config: RedisConfig): string[] {
  const { REDIS_URL: text, REDIS_CA_FILE: ca, REDIS_AUTH: auth } = config;
  const url = URL.parse(text);
  if (url === null) return ["REDIS_URL is not a valid URL; use the form rediss://host:6379"];
  const faults: string[] = [];
  const isSecure = url.protocol === "rediss:";
  if (config.REDIS_CLUSTER && !/^\/?0?$/.test(url.pathname)) {
    faults.push(`REDIS_CLUSTER=true requires database 0, so remove ${url.pathname} from REDIS_URL`);
  }
  if (ca !== undefined && !isSecure) faults.push("REDIS_CA_FILE requires a REDIS_URL that starts with rediss://");
  if (auth === "none") return faults;
  const what = `REDIS_AUTH=${auth}`;
  if (!isSecure) {
    faults.push(
      `${what} requires a REDIS_URL that starts with rediss://; otherwise, the token would be sent unencrypted`,
    );
  }
  if (url.password !== "") faults.push(`${what} uses tokens, so remove the password from REDIS_URL`);
  if (auth === "aws-iam") {
    if (cacheName(url.hostname) === undefined) {
      faults.push(
        `${what} requires the cache's own address in REDIS_URL (master.….cache.amazonaws.com), because it contains the cache's name`,
      );
    }
    if (url.username === "" && roleName(config) === undefined) {
      faults.push(`${what} requires the user in REDIS_URL (rediss://user@…), because AWS_ROLE_ARN is not set`);
    }
  }
  return [...faults, ...identityFaults(what, auth, config, url.hostname)];
}

/** The modes that verify the server; libpq's other modes do not verify it. */
const SSL_MODES: ReadonlySet<string | null> = new Set([null, "disable", "require", "verify-ca", "verify-full"]);
/** Parameters that `pg` would interpret itself. */
const SSL_PARAMETERS = ["ssl", "sslcert", "sslkey", "sslrootcert", "uselibpqcompat"];

function postgresFaults(config: PostgresConfig): string[] {
  const { POSTGRES_URL: text, POSTGRES_CA_FILE: ca, POSTGRES_AUTH: auth } = config;
  const url = URL.parse(text);
  if (url === null) return ["POSTGRES_URL is not a valid URL; use the form postgres://user@host:5432/database"];
  const faults: string[] = [];
  const mode = url.searchParams.get("sslmode");
  if (!SSL_MODES.has(mode)) {
    faults.push(`sslmode=${mode} in POSTGRES_URL does not verify the server: use verify-full, or disable for no TLS`);
  }
  for (const name of SSL_PARAMETERS.filter((parameter) => url.searchParams.has(parameter))) {
    faults.push(`${name} in POSTGRES_URL is not supported: set sslmode in the URL, and POSTGRES_CA_FILE`);
  }
  if (mode === "disable" && ca !== undefined) faults.push("POSTGRES_CA_FILE has no effect with sslmode=disable");
  if (mode === "verify-ca" && ca === undefined) {
    faults.push(
      "sslmode=verify-ca requires POSTGRES_CA_FILE; otherwise, any server with a public certificate would be trusted",
    );
  }
  if (auth === "none") return faults;
  const what = `POSTGRES_AUTH=${auth}`;
  if (mode === "disable") faults.push(`${what} requires TLS, so remove sslmode=disable from POSTGRES_URL`);
  if (url.password !== "") faults.push(`${what} uses tokens, so remove the password from POSTGRES_URL`);
  if (url.username === "") faults.push(`${what} requires the user in POSTGRES_URL (postgres://user@…)`);
  return [...faults, ...identityFaults(what, auth, config, url.host)];
}

/** Why no token is available. */
function identityFaults(what: string, kind: string, variables: IdentityVariables, host: string): string[] {
  const cloud = CLOUDS.get(kind);
  if (cloud === undefined) return [];
  const faults = missingIdentity(cloud, variables).map((missing) => `${what} ${missing}`);
  if (cloud === "aws" && awsRegion(variables, host) === undefined) faults.push(`${what} requires AWS_REGION`);
  return faults;
}
