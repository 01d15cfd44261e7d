import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { TriplineError } from "@tripline/contracts/error-table";
import { parseWait } from "./parse-prefer.js";
import { idempotencyKey } from "./request-schemas.js";

const SECOND_MS = 1_000;

/** @throws TriplineError `unsupported-media-type` */
export function checkContentType(headers: IncomingHttpHeaders, contentType: string): void {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = headers;
  // Fast path for the values that nearly all clients send.
  if (type === contentType && encoding === "identity") return;
  const [sent = ""] = type.split(";", 1);
  if (sent.trim().toLowerCase() !== contentType) {
    throw new TriplineError("unsupported-media-type", `Send the body as ${contentType}.`);
  }
  if (encoding.toLowerCase() !== "identity") {
    throw new TriplineError("unsupported-media-type", "Send the body without a content encoding.");
  }
}

/** @throws TriplineError `invalid-header` */
export function readIdempotencyKey({ headers, rawHeaders }: IncomingMessage): string | undefined {
  const key = headers["idempotency-key"];
  if (typeof key !== "string") return undefined;
  const checked = idempotencyKey.safeParse(key);
  if (!checked.success) throw invalidKey(checked.error.issues[0]?.message ?? "be a string");
  // Node joins repeated headers with a comma, which may also be part of a key.
  if (key.includes(", ") && countOf("idempotency-key", rawHeaders) > 1) throw invalidKey("be sent once");
  return checked.data;
}

/** @param rawHeaders alternating names and values */
function countOf(name: string, rawHeaders: readonly string[]): number {
  return rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}

function invalidKey(what: string): TriplineError {
  return new TriplineError("invalid-header", `Idempotency-Key must ${what}.`);
}

/** @returns how long the caller prefers to wait, in milliseconds, at most `secondsMax`; 0 for no wait */
export function readWaitMs({ prefer }: IncomingHttpHeaders, secondsMax: number): number {
  return (parseWait(prefer, secondsMax) ?? 0) * SECOND_MS;
}

const TENANT = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * The tenant on whose behalf a Tripline service acts; undefined without the header.
 *
 * @throws TriplineError `invalid-header`
 */
export function readTenant({ "tripline-tenant": tenant }: IncomingHttpHeaders): string | undefined {
  if (tenant === undefined) return undefined;
  if (typeof tenant === "string" && TENANT.test(tenant)) return tenant;
  throw new TriplineError("invalid-header", "Tripline-Tenant must be 1 to 64 letters, digits, dashes or underscores.");
}
