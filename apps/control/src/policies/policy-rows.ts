import { z } from "zod";

/** Rows of the policy tables as returned by the API. */

export const revisionRow = z.object({
  revision: z.int(),
  version: z.string(),
  sha256: z.string(),
  author: z.string(),
  note: z.string(),
  created_at: z.date(),
});
export type RevisionRow = z.infer<typeof revisionRow>;

/** A revision with internal columns; `author_principal` is null if the user behind the author is unknown. */
export const revisionText = revisionRow.extend({ text: z.string(), author_principal: z.string().nullable() });

export const approvalRow = z.object({
  approver: z.string(),
  note: z.string(),
  approved_at: z.date(),
  /** Whether it approves an activation without the guard. */
  is_for_unwatched: z.boolean(),
});
export type ApprovalRow = z.infer<typeof approvalRow>;

export const activationRow = z.object({
  activation: z.int(),
  /** Null if the tenant no longer has its own policy. */
  revision: z.int().nullable(),
  author: z.string(),
  note: z.string(),
  created_at: z.date(),
  activates_at: z.date(),
  /** Whether the mix of outcomes is watched after it. */
  is_watched: z.boolean(),
  /** Null for activations of an earlier release. */
  kind: z.enum(["return", "suspect", "new"]).nullable(),
  /** Null if the services have not been notified yet. */
  published_at: z.date().nullable(),
});
export type ActivationRow = z.infer<typeof activationRow>;

export const draftRow = z.object({
  name: z.string(),
  version: z.int(),
  author: z.string(),
  updated_at: z.date(),
});
export const draftText = draftRow.extend({ text: z.string() });

/**
 * SQL: whether this row of `control.policy_activations` takes effect at its time. A scheduled activation that was
 * replaced before its time never takes effect.
 */
export const isNotReplaced = (row: string): string =>
  `NOT EXISTS (SELECT FROM control.policy_activations later WHERE later.tenant = ${row}.tenant
     AND later.activation > ${row}.activation AND later.created_at < ${row}.activates_at)`;

/** SQL: whether this row of `control.policy_activations` is active for its tenant. */
export const isInForce = (row: string): string =>
  `${row}.activates_at <= now() AND ${isNotReplaced(row)} AND NOT EXISTS (
     SELECT FROM control.policy_activations newer WHERE newer.tenant = ${row}.tenant
       AND newer.activation > ${row}.activation AND newer.activates_at <= now() AND ${isNotReplaced("newer")})`;

const columnsOf = (schema: z.ZodObject): string => Object.keys(schema.shape).join(", ");

export const APPROVAL_COLUMNS = columnsOf(approvalRow);
export const REVISION_COLUMNS = columnsOf(revisionRow);
export const ACTIVATION_COLUMNS = columnsOf(activationRow);
export const DRAFT_COLUMNS = columnsOf(draftRow);
