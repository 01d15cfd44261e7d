import { auditCheckpoint, auditKey } from "@tripline/contracts/audit/audit-checkpoint";
import { auditEntry } from "@tripline/contracts/audit/audit-entry";
import { PERSONAL_FIELDS } from "@tripline/contracts/generated/payment-fields";
import { z } from "zod";
import { CHANGE_KINDS } from "../approvals/change-requests.js";
import { trainingFacts } from "../operations/operations-requests.js";
import { rolloutPlan } from "../rollouts/rollout-plan.js";

/* Schemas of the responses. Times are RFC 3339 in UTC. */

const time = z.iso.datetime();

const revision = z
  .object({
    revision: z.int(),
    version: z.string().meta({ description: "Version of the file and the beginning of the SHA-256 of its text." }),
    sha256: z.string(),
    author: z.string(),
    note: z.string(),
    created_at: time,
  })
  .meta({ id: "PolicyRevision" });
const activationKind = z.enum(["return", "suspect", "new"]).meta({ id: "ActivationKind" });
const activation = z
  .object({
    activation: z.int(),
    revision: z.int().nullable().meta({ description: "null: from then on the tenant has no policy of its own." }),
    author: z.string().meta({ description: "`guard` where the policy's guard went back." }),
    note: z.string(),
    created_at: time,
    activates_at: time,
    is_watched: z.boolean(),
    kind: activationKind.nullable().meta({ description: "null: an earlier release made it." }),
  })
  .meta({ id: "PolicyActivation" });
const published = activation
  .extend({
    published_at: time.nullable().meta({ description: "null: the services have not been told yet." }),
  })
  .meta({ id: "PublishedActivation" });
const draft = z
  .object({ name: z.string(), version: z.int(), author: z.string(), updated_at: time })
  .meta({ id: "PolicyDraft" });
const waiting = z
  .object({
    id: z.uuid(),
    kind: z.enum(CHANGE_KINDS),
    details: z.record(z.string(), z.unknown()),
    author: z.string(),
    note: z.string(),
    created_at: time,
    expires_at: time,
    takes_effect_at: time.nullable().meta({
      description:
        "Of a break glass: it takes effect then unless somebody refuses it. null: it waits for another user.",
    }),
  })
  .meta({ id: "ChangeRequest" });
const faults = z.array(z.string()).meta({ description: "Each with line and column; none for a good text." });
const entry = z
  .object({
    list: z.string(),
    kind: z.string(),
    value: z.string(),
    effect: z.string(),
    reason: z.string(),
    author: z.string(),
    created_at: time,
    expires_at: time.nullable(),
  })
  .meta({ id: "ListEntry" });
const rollout = z
  .object({
    id: z.string(),
    model: z.string(),
    stage: z.enum(["shadow", "canary", "champion", "rolled-back"]),
    candidate: z.string(),
    champion: z.string(),
    canary_percent: z.number(),
    shadow_percent: z.number(),
    is_held: z.boolean(),
    is_registry_pending: z
      .boolean()
      .meta({ description: "It was rolled back, and the aliases in the registry do not say so yet: control retries." }),
    revision: z.int(),
    started_at: time,
    changed_at: time,
    changed_by: z.string(),
    why: z.string(),
    plan: rolloutPlan,
  })
  .meta({ id: "Rollout" });
const finding = z
  .object({
    guard: z.string(),
    is_judged: z.boolean(),
    is_breached: z.boolean(),
    text: z.string(),
  })
  .meta({ id: "RolloutFinding" });
const step = z
  .object({
    at: time,
    actor: z.string(),
    step: z.string(),
    stage: z.string(),
    canary_percent: z.number(),
    why: z.string(),
    revision: z.int(),
  })
  .meta({ id: "RolloutStep" });
const { eventId, tenant, actor, actorKind, action, subjectKind, subjectId, source, sequence, hash } = auditEntry.shape;

export const ANSWERS = named({
  policyStatus: z.object({
    tenant,
    needs_approval: z.boolean(),
    lists_need_approval: z.boolean(),
    newest_revision: revision.nullable(),
    newest_activation: z.int().meta({ description: "The `after` of the next activation." }),
    in_force: published.nullable(),
    scheduled: published.nullable(),
    return_to: z.object({ revision: z.int().nullable() }).nullable().meta({
      description: "The newest policy that was in force and was not rolled back; going back to it needs no approval.",
    }),
    switched_off_rules: z
      .array(z.object({ rule_id: z.string(), why: z.string(), switched_off_at: time }))
      .meta({ description: "Rules of the revision in force that are off because they failed." }),
  }),
  checked: z.object({ version: z.string(), feature_spec_version: z.int(), warnings: z.array(z.string()) }),
  revision,
  revisions: z.object({ revisions: z.array(revision) }),
  revisionText: revision.extend({
    text: z.string(),
    activation_kind: activationKind.meta({
      description:
        "What its activation would be. `suspect`: it was rolled back, and another user must approve it again.",
    }),
    approvals: z.array(
      z.object({ approver: z.string(), note: z.string(), approved_at: time, is_for_unwatched: z.boolean() }),
    ),
  }),
  activations: z.object({ activations: z.array(published) }),
  activated: activation.extend({ is_published: z.boolean() }),
  drafts: z.object({ drafts: z.array(draft) }),
  draft: draft.extend({ text: z.string(), faults }),
  savedDraft: draft.extend({ faults }),
  lists: z.object({ lists: z.array(z.object({ list: z.string(), effect: z.string(), entries: z.int() })) }),
  entries: z.object({
    entries: z.array(entry),
    next: z.string().nullable().meta({ description: "The `after` of the next page; null on the last one." }),
  }),
  listed: z.object({ list: z.string(), entries: z.int() }),
  listPreview: z.object({
    payments: z.int().meta({ description: "That were looked at: the newest of the tenant, at most a day's." }),
    matched: z.int(),
    share: z.number().meta({ description: "From 0 to 1." }),
    from: time.nullable().meta({ description: "When the first of them was accepted." }),
  }),
  listedLater: z.object({ list: z.string(), entries: z.int().meta({ description: "0" }), waiting }),
  settingsLater: z.object({ waiting: z.array(waiting) }),
  approvals: z.object({ approvals: z.array(waiting) }),
  rollouts: z.object({ rollouts: z.array(rollout) }),
  rollout: rollout.extend({ findings: z.array(finding), steps: z.array(step) }).meta({ id: "RolloutDetail" }),
  erased: z.object({
    subject: z.string(),
    keys: z.int().meta({ description: "How many keys were destroyed." }),
    seen_with: z
      .array(z.string())
      .meta({ description: "Cards, e-mail addresses or accounts seen with it, which were not erased." }),
  }),
  exported: z.object({
    tenant: z.string(),
    subject: z.string(),
    erased_at: time.nullable().meta({ description: "When the person was erased; null unless that happened." }),
    keys: z
      .array(
        z.object({
          ...{ key_id: z.string(), card_token: z.string(), email_token: z.string() },
          other_tokens: z.array(z.string()).meta({ description: "Tokens of accounts." }),
          created_at: time,
        }),
      )
      .meta({ description: "Data keys of the person's sealed fields, the newest 5,000. An erasure destroys all." }),
    seen_with: z.array(z.string()).meta({ description: "Cards, e-mail addresses or accounts seen with the person." }),
    list_entries: z
      .array(z.object({ list: z.string(), kind: z.string(), reason: z.string(), created_at: time }))
      .meta({ description: "Entries of lists that name the person. An erasure keeps them." }),
  }),
  opened: z.object({
    payments: z.array(
      z.object({
        transaction_id: z.string(),
        fields: z
          .object(Object.fromEntries(Object.keys(PERSONAL_FIELDS).map((name) => [name, z.string()])))
          .nullable()
          .meta({ description: "Null where the key was destroyed, or is not of this payment." }),
        erased: z.boolean().meta({ description: "They do not open because one of the given subjects was erased." }),
      }),
    ),
  }),
  letters: z.object({
    topics: z.array(
      z.object({
        topic: z.string(),
        count: z.int().meta({ description: "How many wait; of many only the newest are among `letters`." }),
        can_return: z
          .boolean()
          .meta({ description: "False for tables: a letter would take the place of what came later." }),
        letters: z.array(
          z.object({
            partition: z.int(),
            offset: z.int(),
            code: z.string(),
            message: z.string(),
            group: z.string(),
            tenant: z.string(),
            key: z.string().meta({ description: "Masked." }),
            bytes: z.int(),
            buried_at: time,
            returned: z.int().meta({ description: "How often it had come back before." }),
            is_reference: z.boolean().meta({ description: "It does not hold its original, and cannot come back." }),
          }),
        ),
      }),
    ),
  }),
  returned: z.object({
    returned: z.int(),
    skipped: z.array(z.string()).meta({ description: "A sentence for each letter that cannot come back." }),
  }),
  erasures: z.object({
    total: z.int(),
    unpublished: z.int(),
    erasures: z.array(
      z.object({
        subject: z.string(),
        erased_at: time,
        is_published: z.boolean(),
        published_at: time.nullable().meta({
          description: "When the services were told; null before that, and for erasures of versions that kept no time.",
        }),
      }),
    ),
  }),
  jobs: z.object({
    training: z.object({ facts: trainingFacts, reported_by: z.string(), reported_at: time }).nullable(),
  }),
  audit: z.object({
    entries: z.array(
      z.object({
        sequence,
        id: eventId,
        at: time,
        tenant,
        actor,
        actor_kind: actorKind,
        action,
        subject_kind: subjectKind,
        subject_id: subjectId,
        details: z.record(z.string(), z.unknown()),
        source,
        hash,
      }),
    ),
  }),
  auditLog: z.object({
    tenant,
    head: z.object({ sequence: z.int(), hash: z.string().nullable() }),
    entries: z.array(auditEntry),
  }),
  checkpoints: z.object({ checkpoints: z.array(auditCheckpoint), keys: z.array(auditKey) }),
});

/** Names the schemas in the document after their keys here, unless they already have a name. */
function named<T extends Readonly<Record<string, z.ZodObject>>>(schemas: T): T {
  const entries = Object.entries(schemas).map(([key, schema]) => {
    const id = `${key[0]?.toUpperCase()}${key.slice(1)}`;
    return [key, schema.meta()?.id === undefined ? schema.meta({ id }) : schema];
  });
  return Object.fromEntries(entries) as T;
}
