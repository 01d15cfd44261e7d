import { z } from "zod";
import { askForJson, askForText } from "./ask-identity.js";
import type { IdentityVariables } from "./identity-variables.js";
import type { Expiring } from "./renew-token.js";

export interface Token extends Expiring {
  readonly text: string;
}

const HOST = "metadata.google.internal";
const WHO = "Google's metadata server";
const HEADERS = { "metadata-flavor": "Google" };

/** https://docs.cloud.google.com/compute/docs/access/authenticate-workloads */
const accessToken = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** An access token of the pod's service account, as Memorystore and Cloud SQL take it for a password. */
export async function fetchGoogleToken(variables: IdentityVariables): Promise<Token> {
  const url = `${account(variables)}/token`;
  const answer = await askForJson({ who: WHO, url, headers: HEADERS }, accessToken);
  return { text: answer.access_token, expiresAtMs: Date.now() + answer.expires_in * 1000 };
}

/**
 * The same in the form of a JWT that Google's Managed Kafka wants
 * (https://github.com/googleapis/managedkafka/blob/main/kafka-auth-local-server/kafka_gcp_credentials_server.py).
 */
export async function fetchGoogleKafkaToken(variables: IdentityVariables): Promise<Token> {
  const [token, email] = await Promise.all([
    fetchGoogleToken(variables),
    askForText({ who: WHO, url: `${account(variables)}/email`, headers: HEADERS }),
  ]);
  const claims = {
    exp: Math.floor(token.expiresAtMs / 1000),
    iat: Math.floor(Date.now() / 1000),
    iss: "Google",
    scope: "kafka",
    sub: email.trim(),
  };
  const parts = [JSON.stringify({ typ: "JWT", alg: "GOOG_OAUTH2_TOKEN" }), JSON.stringify(claims), token.text];
  const text = parts.map((part) => Buffer.from(part).toString("base64url")).join(".");
  return { text, expiresAtMs: token.expiresAtMs };
}

function account({ GCE_METADATA_HOST: host = HOST }: IdentityVariables): string {
  return `http://${host}/computeMetadata/v1/instance/service-accounts/default`;
}
