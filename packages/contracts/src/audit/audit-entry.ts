import { hash } from "node:crypto";
import { z } from "zod";
import type { AuditEvent } from "../generated/tripline/events/v1/events.js";

const HASH_PATTERN = /^[0-9a-f]{64}$/;
export const DETAILS_BYTES_MAX = 16_384;

const label = z.string().max(256).refine(isStorable);

/** Limits of an event, both for events that the control plane accepts and for those that services write. */
export const auditEvent = z.object({
  eventId: z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/),
  tenant: z.string().regex(/^[A-Za-z0-9_-]{0,64}$/),
  actor: label.min(1),
  actorKind: z.enum(["client", "person", "service"]),
  action: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  subjectKind: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  subjectId: label,
  details: z
    .string()
    .refine((text) => Buffer.byteLength(text) <= DETAILS_BYTES_MAX && isStorable(text) && isObject(text)),
  atMs: z.int().min(0),
  source: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
});

/** The previous hash of the first entry. */
export const NO_ENTRY = "0".repeat(64);

const auditHash = z.string().regex(HASH_PATTERN);

/** An event in the audit log of its tenant, as returned by the API. */
export const auditEntry = auditEvent.extend({
  /** Starts at 1, without gaps. */
  sequence: z.int().min(1),
  /** Covers this entry and, through the previous hash, all earlier ones. */
  hash: auditHash,
});

export type AuditEntry = z.infer<typeof auditEntry>;

/**
 * SHA-256 over the previous hash and this event. Each text is preceded by its length in bytes, and each number takes 8
 * bytes, big-endian, so two different entries never give the same input.
 *
 * @param previous hash of the previous entry, `NO_ENTRY` for the first one
 * @returns hex
 */
export function hashEntry(previous: string, sequence: number, event: AuditEvent): string {
  return hash(
    "sha256",
    encodeParts([
      ...["tripline-audit-entry/1", previous, sequence, event.eventId, event.tenant, event.actor, event.actorKind],
      ...[event.action, event.subjectKind, event.subjectId, event.details, event.atMs, event.source],
    ]),
  );
}

/** Encodes texts and integers with unambiguous boundaries. */
export function encodeParts(parts: readonly (string | number)[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      const bytes = typeof part === "string" ? Buffer.from(part) : undefined;
      const head = Buffer.alloc(8);
      head.writeBigUInt64BE(BigInt(bytes?.length ?? part));
      return bytes === undefined ? head : Buffer.concat([head, bytes]);
    }),
  );
}

function isStorable(text: string): boolean {
  // Postgres cannot store U+0000, and UTF-8 cannot encode half of a surrogate pair.
  return !text.includes("\0") && text.isWellFormed();
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
