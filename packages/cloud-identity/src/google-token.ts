import { types } from "node:util";
import { z } from "zod";
import type { IdentityVariables } from "./identity-variables.js";
import type { Expiring } from "./renew-token.js";
import { refused, silent, strange } from "./request-identity.js";

export interface Token extends Expiring {
  readonly text: string;
}

const WHO = "Google's metadata server";
const HOST = "169.254.169.254";
const ACCOUNT = "instance/service-accounts/default";
/** Number of times that a request without a response is retried. Each attempt takes 3 s. */
const NO_RESPONSE_RETRIES = 2;

/** https://docs.cloud.google.com/compute/docs/access/authenticate-workloads */
const accessToken = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });
const email = z.string().trim().min(1);

/** An access token of the pod's service account, which Memorystore and Cloud SQL accept as a password. */
export async function fetchGoogleToken(variables: IdentityVariables): Promise<Token> {
  return tokenOf(await readMetadata(variables, [`${ACCOUNT}/token`]));
}

/**
 * The same token as a JWT, the format that Google's Managed Kafka requires
 * (https://github.com/googleapis/managedkafka/blob/main/kafka-auth-local-server/kafka_gcp_credentials_server.py).
 */
export async function fetchGoogleKafkaToken(variables: IdentityVariables): Promise<Token> {
  const metadata = await readMetadata(variables, [`${ACCOUNT}/token`, `${ACCOUNT}/email`]);
  const token = tokenOf(metadata);
  const account = email.safeParse(metadata[`${ACCOUNT}/email`]);
  if (!account.success) throw strange(WHO, account.error);
  const claims = {
    exp: Math.floor(token.expiresAtMs / 1000),
    iat: Math.floor(Date.now() / 1000),
    iss: "Google",
    scope: "kafka",
    sub: account.data,
  };
  const parts = [JSON.stringify({ typ: "JWT", alg: "GOOG_OAUTH2_TOKEN" }), JSON.stringify(claims), token.text];
  const text = parts.map((part) => Buffer.from(part).toString("base64url")).join(".");
  return { text, expiresAtMs: token.expiresAtMs };
}

type Metadata = Readonly<Record<string, unknown>>;

function tokenOf(metadata: Metadata): Token {
  const answer = accessToken.safeParse(metadata[`${ACCOUNT}/token`]);
  if (!answer.success) throw strange(WHO);
  return { text: answer.data.access_token, expiresAtMs: Date.now() + answer.data.expires_in * 1000 };
}

/**
 * Uses Google's own library, which reads GCE_METADATA_HOST from the environment of the process. It retries within 15 s:
 * three times after server errors, twice if there is no response.
 */
async function readMetadata({ GCE_METADATA_HOST: host = HOST }: IdentityVariables, keys: string[]): Promise<Metadata> {
  const { bulk, setGCPResidency } = await import("gcp-metadata");
  // If the library knew that it was running on Google Cloud, it would wait without a timeout. Otherwise, it waits for 3
  // s.
  setGCPResidency(false);
  try {
    return await bulk(keys.map((metadataKey) => ({ metadataKey, noResponseRetries: NO_RESPONSE_RETRIES })));
  } catch (thrown) {
    const response = responseOf(thrown);
    if (response !== undefined) throw refused(WHO, response.status, response.data, thrown);
    // Request errors have a `config`. Any other error means that the response is malformed.
    if (!types.isNativeError(thrown) || !("config" in thrown)) throw strange(WHO, thrown);
    throw silent(WHO, host, thrown);
  }
}

const failed = z.object({ response: z.object({ status: z.number(), data: z.coerce.string() }) });

const responseOf = (thrown: unknown) => failed.safeParse(thrown).data?.response;
