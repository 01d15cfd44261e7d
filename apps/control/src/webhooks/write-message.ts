import { createHash } from "node:crypto";
import type { WebhookEvent } from "./webhook-event.js";

/** Version of the payloads. A field that is added keeps it; a field that changes its meaning or leaves raises it. */
const PAYLOAD_VERSION = 1;
const ID_CHARACTERS = 32;

/** The `webhook-id`: the same for every attempt and endpoint. It has no dot, because the signature joins with dots. */
export function messageId(tenant: string, type: string, sourceId: string): string {
  // Lengths, so that no two triples have the same text.
  const text = [tenant, type, sourceId].map((part) => `${part.length}:${part}`).join("");
  return `evt_${createHash("sha256").update(text).digest("hex").slice(0, ID_CHARACTERS)}`;
}

/** The body of the request, as Standard Webhooks recommends it. */
export function messageBody({
  type,
  atMs,
  data,
}: Pick<WebhookEvent, "atMs" | "data"> & { readonly type: string }): string {
  return JSON.stringify({ type, version: PAYLOAD_VERSION, timestamp: new Date(atMs).toISOString(), data });
}
