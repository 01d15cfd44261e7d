import { createHash } from "node:crypto";
import type { WebhookEvent } from "./webhook-event.js";

/** Version of the payloads. It increases when a field is removed or changes its meaning, not when a field is added. */
const PAYLOAD_VERSION = 1;
const ID_CHARACTERS = 32;

/** The `webhook-id`: the same for every attempt and endpoint. It has no dot, because dots separate the signed parts. */
export function messageId(tenant: string, type: string, sourceId: string): string {
  // The lengths ensure that no two triples produce the same text.
  const text = [tenant, type, sourceId].map((part) => `${part.length}:${part}`).join("");
  return `evt_${createHash("sha256").update(text).digest("hex").slice(0, ID_CHARACTERS)}`;
}

/** The request body, in the form that Standard Webhooks recommends. */
export function messageBody({
  type,
  atMs,
  data,
}: Pick<WebhookEvent, "atMs" | "data"> & { readonly type: string }): string {
  return JSON.stringify({ type, version: PAYLOAD_VERSION, timestamp: new Date(atMs).toISOString(), data });
}
