import { createHmac } from "node:crypto";

/** Prefix of a secret in the form that users get, followed by its bytes in base64. */
const SECRET_PREFIX = "whsec_";

export function showSecret(secret: Uint8Array): string {
  return `${SECRET_PREFIX}${Buffer.from(secret).toString("base64")}`;
}

/**
 * The headers of Standard Webhooks 1.0 (https://www.standardwebhooks.com): an HMAC-SHA256 over ID, time and body,
 * joined with dots, for each secret. While a secret is being replaced, a receiver accepts either signature.
 *
 * @param atMs time of the attempt, not of the event
 * @param secrets newest first
 */
export function signMessage(
  id: string,
  atMs: number,
  body: string,
  secrets: readonly Uint8Array[],
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(atMs / 1_000));
  const signatures = secrets.map((secret) => {
    return `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
  });
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
}
