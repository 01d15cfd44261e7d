import { fetchAwsCredentials } from "./aws-credentials.js";
import { fetchEntraToken, objectIdOf } from "./entra-token.js";
import type { Token } from "./google-token.js";
import { fetchGoogleKafkaToken, fetchGoogleToken } from "./google-token.js";
import type { IdentityVariables } from "./identity-variables.js";
import type { Renewed } from "./renew-token.js";
import { renewing } from "./renew-token.js";
import type { AwsSigning } from "./sign-aws-token.js";
import { signCacheToken, signDatabaseToken, signKafkaToken, tokenEndMs } from "./sign-aws-token.js";

export type KafkaIdentity = "aws-msk-iam" | "gcp-oauth" | "azure-entra";
export type StoreIdentity = "aws-iam" | "gcp-iam" | "azure-entra";

/** Returns a token that is valid for a while; throws TriplineError `identity-unavailable`. */
export type Tokens = () => Promise<Renewed<Token>>;

/** Google's library retries by itself. */
export const GOOGLE_RETRIES = { attemptsMax: 1 };
const ENTRA_REDIS = "https://redis.azure.com";
const ENTRA_POSTGRES = "https://ossrdbms-aad.database.windows.net";

/** @param broker host of any broker. The MSK host contains the region; the Event Hubs host is the token's audience */
export function kafkaTokens(identity: KafkaIdentity, variables: IdentityVariables, broker: string): Tokens {
  switch (identity) {
    case "aws-msk-iam":
      return awsTokens(variables, broker, signKafkaToken);
    case "gcp-oauth":
      return renewing(() => fetchGoogleKafkaToken(variables), GOOGLE_RETRIES);
    case "azure-entra":
      return renewing(() => fetchEntraToken(variables, `https://${broker}`));
  }
}

export interface RedisAddress {
  readonly host: string;
  /** The user in the URL. */
  readonly user: string | undefined;
}

export interface RedisCredentials {
  readonly user: string;
  readonly password: string;
  /** When the connection must authenticate with a new password; milliseconds since the epoch. */
  readonly renewAtMs: number;
}

/** Returns the user and password for a connection to Redis; throws TriplineError `identity-unavailable`. */
export type RedisSignIn = () => Promise<RedisCredentials>;

export function redisSignIn(identity: StoreIdentity, variables: IdentityVariables, address: RedisAddress): RedisSignIn {
  const { host, user } = address;
  const as = (tokens: Tokens, userOf: (token: string) => string) => async () => {
    const { value, renewAtMs } = await tokens();
    return { user: userOf(value.text), password: value.text, renewAtMs };
  };
  switch (identity) {
    case "aws-iam": {
      const known = user ?? roleName(variables) ?? "";
      const sign = (signing: AwsSigning) => signCacheToken(signing, cacheName(host) ?? host, known);
      return as(awsTokens(variables, host, sign), () => known);
    }
    case "gcp-iam":
      return as(
        renewing(() => fetchGoogleToken(variables), GOOGLE_RETRIES),
        () => user ?? "default",
      );
    case "azure-entra":
      return as(
        renewing(() => fetchEntraToken(variables, ENTRA_REDIS)),
        (token) => user ?? objectIdOf(token),
      );
  }
}

/**
 * @param host with its port, exactly as the client connects to it, because RDS's token is valid only for this host and
 *   port
 */
export function postgresTokens(
  identity: StoreIdentity,
  variables: IdentityVariables,
  host: string,
  user: string,
): Tokens {
  switch (identity) {
    case "aws-iam":
      return awsTokens(variables, host, (signing) => signDatabaseToken(signing, host, user));
    case "gcp-iam":
      return renewing(() => fetchGoogleToken(variables), GOOGLE_RETRIES);
    case "azure-entra":
      return renewing(() => fetchEntraToken(variables, ENTRA_POSTGRES));
  }
}

/** The region in an AWS address, or the pod's own. ElastiCache addresses contain a short form of theirs. */
export function awsRegion(variables: IdentityVariables, host: string): string | undefined {
  return /\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:rds\.)?amazonaws\.com(?::\d+)?$/.exec(host)?.[1] ?? variables.AWS_REGION;
}

/**
 * Name of the cache in an ElastiCache address (`master.NAME.ab12cd.euc1.cache.amazonaws.com`): tokens are issued for
 * that name. Undefined for other addresses.
 */
export function cacheName(host: string): string | undefined {
  return /^(?:master|clustercfg|replica)\.([a-z0-9-]+)\..+\.cache\.amazonaws\.com$/.exec(host)?.[1];
}

/** Name of the pod's role. `infra/` gives the service's cache user the same name. */
export function roleName({ AWS_ROLE_ARN: role }: IdentityVariables): string | undefined {
  return role?.split("/").at(-1);
}

function awsTokens(variables: IdentityVariables, host: string, sign: (signing: AwsSigning) => Promise<string>): Tokens {
  const region = awsRegion(variables, host) ?? "";
  const credentials = renewing(() => fetchAwsCredentials(variables, region));
  return renewing(async () => {
    const signing = { credentials: (await credentials()).value, region, nowMs: Date.now() };
    return { text: await sign(signing), expiresAtMs: tokenEndMs(signing) };
  });
}
