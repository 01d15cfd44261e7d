import { readFileSync } from "node:fs";
import type {
  AuditEntry,
  DeadLetter,
  DeadLetterTopic,
  Erasures,
  ListEntry,
  PolicyDraftText,
  PolicyRevisionText,
  PolicyStatus,
  RolloutDetail,
  TrainingJob,
} from "../../api/control.js";
import type { WebhooksState } from "../fixture-webhooks.js";
import { makeWebhooks } from "../fixture-webhooks.js";

/** Deterministic responses of the control plane. */

const DAY_MS = 86_400_000;
const POLICY = new URL("../../../../../decisions/policy.yaml", import.meta.url);

const PLAN: RolloutDetail["plan"] = {
  begin_with: "shadow",
  auto: true,
  shadow_percent: 100,
  shadow_seconds: 3_600,
  steps_percent: [1, 5, 25, 50],
  step_seconds: 3_600,
  guards: {
    window_seconds: 300,
    cards_min: 8,
    missing_points_max: 0.1,
    outcome_points_max: 0.1,
    slow_ms: 50,
    slow_points_max: 0.1,
    agreement_points_max: 0.05,
    outcome_ratio_max: 1.5,
    false_alarm_points_max: 0.01,
    labels_min: 20,
    mature_labels_min: 200,
  },
};

export interface ControlState {
  entries: ListEntry[];
  revisions: PolicyRevisionText[];
  activations: NonNullable<PolicyStatus["in_force"]>[];
  drafts: PolicyDraftText[];
  rollout: RolloutDetail;
  webhooks: WebhooksState;
  audit: AuditEntry[];
  deadLetters: DeadLetterTopic[];
  erasures: Erasures;
  training: TrainingJob | null;
}

export function makeControl(nowMs: number): ControlState {
  const ago = (days: number): string => new Date(nowMs - days * DAY_MS).toISOString();
  const policy = readFileSync(POLICY, "utf8");
  const revision = (number: number, note: string, author: string, text: string): PolicyRevisionText => ({
    revision: number,
    version: `1-${number}f2a91c0`,
    sha256: `${number}`.repeat(64).slice(0, 64),
    author,
    note,
    text,
    created_at: ago(20 - number * 2),
    activation_kind: "new",
    approvals:
      number < 3
        ? [{ approver: "lin", note: "Read it.", approved_at: ago(19 - number * 2), is_for_unwatched: false }]
        : [],
  });
  return {
    entries: Array.from({ length: 14 }, (_, index) => ({
      list: index % 3 === 0 ? "watch" : index % 5 === 0 ? "mules" : "deny",
      kind: index % 4 === 0 ? "terminal" : "card",
      value: index % 4 === 0 ? `term-${200 + index}` : `ct_${`${index}`.padStart(2, "0").repeat(16)}`,
      effect: index % 3 === 0 || index % 5 === 0 ? "watch" : "deny",
      reason: index % 4 === 0 ? "Skimmer found" : "Reported stolen",
      author: index % 2 === 0 ? "ada" : "lin",
      created_at: ago(index),
      expires_at: index % 2 === 0 ? ago(-30) : null,
    })),
    revisions: [
      revision(3, "Challenge large payments at night", "ada", policy.replace("amount >= 1000", "amount >= 900")),
      revision(2, "Fewer challenges for bursts", "ada", policy),
      revision(1, "As shipped", "lin", policy.replace("card_count_1d >= 8", "card_count_1d >= 6")),
    ],
    activations: [
      {
        activation: 2,
        revision: 2,
        author: "lin",
        note: "Agreed on Tuesday",
        created_at: ago(12),
        activates_at: ago(12),
        published_at: ago(12),
        is_watched: true,
        kind: "new",
      },
    ],
    drafts: [{ name: "night", version: 4, author: "ada", updated_at: ago(0.1), text: policy, faults: [] }],
    rollout: makeRollout(ago),
    ...makeOperations(ago),
    webhooks: makeWebhooks(nowMs),
    audit: Array.from({ length: 40 }, (_, index) => ({
      sequence: 40 - index,
      id: `event-${40 - index}`,
      hash: `${index % 10}`.repeat(64),
      source: "control",
      actor_kind: "person",
      subject_kind: "list",
      subject_id: "deny",
      at: ago(index / 3),
      tenant: "demo",
      actor: index % 3 === 0 ? "lin" : "ada",
      action: ["list-entries-put", "policy-activated", "policy-revision-added", "list-entry-removed"][index % 4] ?? "",
      details: { list: "deny", entries: index + 1, note: index % 4 === 1 ? "Agreed on Tuesday" : "" },
    })),
  };
}

function makeOperations(ago: (days: number) => string): Pick<ControlState, "deadLetters" | "erasures" | "training"> {
  const letter = (offset: number, code: string, message: string, more: Partial<DeadLetter> = {}): DeadLetter => ({
    partition: 0,
    offset,
    code,
    message,
    group: "features",
    tenant: "demo",
    key: "ct_4f…91ac",
    bytes: 412,
    dead_lettered_at: ago(offset / 100),
    buried_at: ago(offset / 100),
    returned: 0,
    is_reference: false,
    ...more,
  });
  return {
    deadLetters: [
      {
        topic: "transactions",
        count: 4,
        can_return: true,
        letters: [
          letter(17, "spec-mismatch", "The vector has 74 values, the spec 78."),
          letter(16, "spec-mismatch", "The vector has 74 values, the spec 78.", { returned: 1 }),
          letter(12, "message-unreadable", "It is not a valid protobuf message."),
          letter(11, "message-unreadable", "All values are zero.", { is_reference: true, bytes: 0 }),
        ],
      },
      {
        topic: "lists",
        count: 1,
        can_return: false,
        letters: [letter(3, "message-unreadable", "It contains no list.", { group: "decisions", key: "demo/deny" })],
      },
    ],
    erasures: {
      total: 3,
      unpublished: 1,
      erasures: [0.01, 4, 9].map((days, index) => ({
        subject: `ct_0${index}…5e7${index}`,
        erased_at: ago(days),
        is_published: index > 0,
        published_at: index === 0 ? null : ago(days - 0.0001),
      })),
    },
    training: {
      facts: {
        model: "fraud",
        judged_to: ago(1).slice(0, 10),
        last_retraining: ago(20).slice(0, 10),
        failure: null,
        drift: { day: ago(3).slice(0, 10), sentence: "Amounts are higher than on the 14 days before." },
        next_retraining: ago(-8).slice(0, 10),
        challenger: { version: "2026-11-26-b", why: "drift", stage: "canary" },
      },
      reported_by: "demo-training",
      reported_at: ago(0.001),
    },
  };
}

function makeRollout(ago: (days: number) => string): RolloutDetail {
  return {
    id: "r1",
    model: "tripline",
    stage: "canary",
    candidate: "2026-11-26-b",
    champion: "2026-11-20-a",
    canary_percent: 5,
    shadow_percent: 0,
    is_held: false,
    revision: 3,
    why: "Trained on October",
    started_at: ago(1),
    changed_at: ago(0.05),
    changed_by: "ada",
    plan: PLAN,
    offline: {
      champion: "2026-11-20-a",
      is_as_good: false,
      is_retrained: true,
      money: "Under the policy's bands, it saves 137.08 EUR per day compared with the champion.",
    },
    findings: [
      { guard: "scores-missing", is_judged: true, is_breached: false, text: "0.0 % of 312 payments, champion 0.0 %." },
      { guard: "outcomes", is_judged: true, is_breached: false, text: "Review 2.1 %, champion 1.9 %." },
      { guard: "latency", is_judged: true, is_breached: false, text: "4.9 % slower than 61 ms." },
      {
        guard: "score-distribution",
        is_judged: true,
        is_breached: false,
        text: "Both models put 91.0 % of 400 pairs in the same order.",
      },
      { guard: "precision", is_judged: false, is_breached: false, text: "9 of 20 cards with labels." },
    ],
    steps: ["start", "advance", "advance"].map((step, index) => ({
      step,
      actor: "ada",
      stage: index === 0 ? "shadow" : "canary",
      canary_percent: [0, 1, 5][index] ?? 0,
      why: index === 0 ? "Trained on October" : "Guards are fine",
      revision: index + 1,
      at: ago(1 - index * 0.45),
    })),
  };
}
