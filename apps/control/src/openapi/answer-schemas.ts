import { auditCheckpoint, auditKey } from "@tripline/contracts/audit/audit-checkpoint";
import { auditEntry } from "@tripline/contracts/audit/audit-entry";
import { PERSONAL_FIELDS } from "@tripline/contracts/generated/payment-fields";
import { z } from "zod";
import { CHANGE_KINDS } from "../approvals/change-requests.js";
import { limitsRequest, PROMOTION_DAYS } from "../models/promotion-limits.js";
import { trainingFacts } from "../operations/operations-requests.js";
import { offlineComparison } from "../rollouts/offline-comparison.js";
import { rolloutPlan } from "../rollouts/rollout-plan.js";
import { WEBHOOK_ANSWERS } from "./webhook-answers.js";

/* Schemas of the responses. Times are RFC 3339 in UTC. */

const time = z.iso.datetime();

const revision = z
  .object({
    revision: z.int(),
    version: z.string().meta({ description: "Version of the policy file and the first digits of its SHA-256." }),
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
    revision: z.int().nullable().meta({ description: "null if the tenant's own policy is removed." }),
    author: z.string().meta({ description: "`guard` if the guard of the policy rolled it back." }),
    note: z.string(),
    created_at: time,
    activates_at: time,
    is_watched: z.boolean(),
    kind: activationKind.nullable().meta({ description: "null if an earlier release created it." }),
  })
  .meta({ id: "PolicyActivation" });
const published = activation
  .extend({
    published_at: time.nullable().meta({ description: "null if the services have not been notified yet." }),
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
        "For break glass, the time at which the change takes effect unless another user rejects it. null if it awaits another user.",
    }),
  })
  .meta({ id: "ChangeRequest" });
const faults = z.array(z.string()).meta({ description: "Faults with line and column; empty if the text is valid." });
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
    is_registry_pending: z.boolean().meta({
      description: "True if it was rolled back but the registry's aliases have not been updated yet; control retries.",
    }),
    revision: z.int(),
    started_at: time,
    changed_at: time,
    changed_by: z.string(),
    why: z.string(),
    plan: rolloutPlan,
    offline: offlineComparison.nullable().meta({
      description:
        "How the candidate was compared with the champion before the rollout, with what it would save; null if it was not compared.",
    }),
  })
  .meta({ id: "Rollout" });
const finding = z
  .object({
    guard: z.string(),
    is_judged: z.boolean(),
    is_breached: z.boolean(),
    text: z.string(),
    figure: z
      .object({ kind: z.enum(["share", "evidence"]), value: z.number(), limit: z.number() })
      .nullable()
      .meta({ description: "How close the guard is to a breach; null if the guard compares no number with a limit." }),
    data: z
      .array(
        z.object({
          kind: z.enum(["cards", "payments", "labels", "mature-labels"]),
          count: z.int(),
          needed: z.int(),
        }),
      )
      .meta({ description: "The data that the guard, or the next step, needs." }),
  })
  .meta({ id: "RolloutFinding" });
const modelCard = z
  .object({
    ...{ model: z.string(), version: z.string(), owner: z.string(), expires_at: time },
    ...{ registered_by: z.string(), registered_at: time, signed_by: z.string().nullable() },
    signed_at: time.nullable(),
  })
  .meta({ id: "ModelCard" });
const shownLimits = limitsRequest
  .extend({
    ...{ expires_at: time, set_by: z.string(), set_at: time, signed_by: z.string().nullable() },
    signed_at: time.nullable(),
    promotions: z.int().meta({ description: `Promotions within the last ${PROMOTION_DAYS} days.` }),
    not_in_effect: z.string().nullable().meta({ description: "Why the limits are not in effect; null if they are." }),
  })
  .meta({ id: "PromotionLimits" });
const listedVersion = z
  .object({
    version: z.string(),
    aliases: z.array(z.string()),
    created_at: time.nullable().meta({ description: "Null if the version's manifest cannot be read." }),
    is_retrained: z
      .boolean()
      .meta({ description: "Whether retraining registered this version. If so, any user may sign its model card." }),
    offline: offlineComparison.nullable().meta({
      description: "The comparison with the current champion; null if there is none.",
    }),
    card: modelCard.nullable(),
  })
  .meta({ id: "ListedVersion" });
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
    newest_activation: z.int().meta({ description: "The value of `after` for the next activation." }),
    in_force: published.nullable(),
    scheduled: published.nullable(),
    return_to: z.object({ revision: z.int().nullable() }).nullable().meta({
      description: "The newest policy that was active and was not rolled back. Returning to it requires no approval.",
    }),
    switched_off_rules: z
      .array(z.object({ rule_id: z.string(), why: z.string(), switched_off_at: time }))
      .meta({ description: "Rules of the active revision that were switched off because they failed." }),
  }),
  checked: z.object({ version: z.string(), feature_spec_version: z.int(), warnings: z.array(z.string()) }),
  revision,
  revisions: z.object({ revisions: z.array(revision) }),
  revisionText: revision.extend({
    text: z.string(),
    activation_kind: activationKind.meta({
      description:
        "The kind of activation that this would be. `suspect` if it was rolled back, so another user must approve it again.",
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
    next: z.string().nullable().meta({ description: "The value of `after` for the next page; null on the last page." }),
  }),
  listed: z.object({ list: z.string(), entries: z.int() }),
  listPreview: z.object({
    payments: z
      .int()
      .meta({ description: "Number of payments examined: the tenant's newest payments, from at most one day." }),
    matched: z.int(),
    share: z.number().meta({ description: "From 0 to 1." }),
    from: time.nullable().meta({ description: "When the first of these payments was accepted." }),
  }),
  listedLater: z.object({ list: z.string(), entries: z.int().meta({ description: "0" }), waiting }),
  settingsLater: z.object({ waiting: z.array(waiting) }),
  approvals: z.object({ approvals: z.array(waiting) }),
  rollouts: z.object({ rollouts: z.array(rollout) }),
  modelCard,
  models: z.object({
    is_card_required: z.boolean().meta({ description: "The setting MODEL_CARDS_REQUIRED." }),
    models: z
      .array(
        z
          .object({
            name: z.string(),
            champion: z.string().nullable(),
            limits: shownLimits.nullable(),
            versions: z.array(listedVersion),
          })
          .meta({ id: "ListedModel" }),
      )
      .meta({ description: "Each model with its newest 50 versions, newest first." }),
  }),
  rollout: rollout.extend({ findings: z.array(finding), steps: z.array(step) }).meta({ id: "RolloutDetail" }),
  erased: z.object({
    subject: z.string(),
    keys: z.int().meta({ description: "Number of keys destroyed." }),
    seen_with: z
      .array(z.string())
      .meta({ description: "Cards, e-mail addresses or accounts used together with it, which were not erased." }),
  }),
  exported: z.object({
    tenant: z.string(),
    subject: z.string(),
    erased_at: time.nullable().meta({ description: "When the person was erased; null if the person was not erased." }),
    keys: z
      .array(
        z.object({
          ...{ key_id: z.string(), card_token: z.string(), email_token: z.string() },
          other_tokens: z.array(z.string()).meta({ description: "Tokens of accounts." }),
          created_at: time,
        }),
      )
      .meta({
        description:
          "Data keys of the person's encrypted fields, at most the newest 5,000. An erasure destroys all of them.",
      }),
    seen_with: z
      .array(z.string())
      .meta({ description: "Cards, e-mail addresses or accounts used together with the person's." }),
    list_entries: z
      .array(z.object({ list: z.string(), kind: z.string(), reason: z.string(), created_at: time }))
      .meta({ description: "List entries that contain the person's tokens. An erasure keeps them." }),
  }),
  opened: z.object({
    payments: z.array(
      z.object({
        transaction_id: z.string(),
        fields: z
          .object(Object.fromEntries(Object.keys(PERSONAL_FIELDS).map((name) => [name, z.string()])))
          .nullable()
          .meta({ description: "Null if the key was destroyed or belongs to another payment." }),
        erased: z.boolean().meta({
          description: "True if the fields cannot be decrypted because one of the given subjects was erased.",
        }),
      }),
    ),
  }),
  letters: z.object({
    topics: z.array(
      z.object({
        topic: z.string(),
        count: z.int().meta({ description: "Number of dead letters. `letters` contains only the newest." }),
        can_return: z
          .boolean()
          .meta({ description: "False for compacted topics, because a redriven record would overwrite newer values." }),
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
            dead_lettered_at: time,
            buried_at: time.meta({
              description: "Former name of dead_lettered_at. Version 0.3.0 removes it.",
              deprecated: true,
            }),
            returned: z.int().meta({ description: "How often it has already been redriven." }),
            is_reference: z
              .boolean()
              .meta({ description: "True if it does not contain the original record, so it cannot be redriven." }),
          }),
        ),
      }),
    ),
  }),
  returned: z.object({
    returned: z.int(),
    skipped: z.array(z.string()).meta({ description: "One sentence for each dead letter that cannot be redriven." }),
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
          description:
            "When the services were notified; null before that, and for erasures by releases that did not record it.",
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
  ...WEBHOOK_ANSWERS,
});

/** Names the schemas in the document after their keys here, unless they already have a name. */
function named<T extends Readonly<Record<string, z.ZodObject>>>(schemas: T): T {
  const entries = Object.entries(schemas).map(([key, schema]) => {
    const id = `${key[0]?.toUpperCase()}${key.slice(1)}`;
    return [key, schema.meta()?.id === undefined ? schema.meta({ id }) : schema];
  });
  return Object.fromEntries(entries) as T;
}
