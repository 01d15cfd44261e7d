import { z } from "zod";

/** A row of `control.audit_log`. Its columns are those of the API, in the order in which they are shown. */
export const entryRow = z
  .object({
    sequence: z.coerce.number(),
    event_id: z.string(),
    tenant: z.string(),
    actor: z.string(),
    actor_kind: z.enum(["client", "person", "service"]),
    action: z.string(),
    subject_kind: z.string(),
    subject_id: z.string(),
    details: z.string(),
    at_ms: z.coerce.number(),
    source: z.string(),
    hash: z.string(),
  })
  .transform((row) => ({
    sequence: row.sequence,
    eventId: row.event_id,
    tenant: row.tenant,
    actor: row.actor,
    actorKind: row.actor_kind,
    action: row.action,
    subjectKind: row.subject_kind,
    subjectId: row.subject_id,
    details: row.details,
    atMs: row.at_ms,
    source: row.source,
    hash: row.hash,
  }));

export const ENTRY_COLUMNS = Object.keys(entryRow.in.shape);

export const checkpointRow = z
  .object({
    tenant: z.string(),
    sequence: z.coerce.number(),
    hash: z.string(),
    signed_at_ms: z.coerce.number(),
    key_id: z.string(),
    signature: z.string(),
  })
  .transform(({ signed_at_ms: signedAtMs, key_id: keyId, ...row }) => ({ ...row, signedAtMs, keyId }));

export const CHECKPOINT_COLUMNS = Object.keys(checkpointRow.in.shape);

export const headRow = z.object({
  tenant: z.string(),
  sequence: z.coerce.number(),
  hash: z.string(),
  signed_sequence: z.coerce.number(),
});

export type HeadRow = z.infer<typeof headRow>;

export const keyRow = z
  .object({ key_id: z.string(), public_key: z.string() })
  .transform((row) => ({ keyId: row.key_id, publicKey: row.public_key }));
