/** Responses of the control plane, limited to the fields that the page shows. Times are ISO 8601. */

export interface PolicyRevision {
  readonly revision: number;
  readonly version: string;
  readonly sha256: string;
  readonly author: string;
  readonly note: string;
  readonly created_at: string;
}

export interface PolicyRevisionText extends PolicyRevision {
  readonly text: string;
  /** What its activation would be. */
  readonly activation_kind: "return" | "suspect" | "new";
  readonly approvals: readonly PolicyApproval[];
}

export interface PolicyApproval {
  readonly approver: string;
  readonly note: string;
  readonly approved_at: string;
  readonly is_for_unwatched: boolean;
}

export interface PolicyActivation {
  readonly activation: number;
  readonly revision: number | null;
  readonly author: string;
  readonly note: string;
  readonly created_at: string;
  readonly activates_at: string;
  readonly published_at?: string | null;
}

export interface PolicyStatus {
  readonly tenant: string;
  readonly needs_approval: boolean;
  readonly lists_need_approval: boolean;
  readonly newest_revision: PolicyRevision | null;
  readonly newest_activation: number;
  readonly in_force: PolicyActivation | null;
  readonly scheduled: PolicyActivation | null;
  /** Absent in the answer of an earlier release. */
  readonly switched_off_rules?: readonly {
    readonly rule_id: string;
    readonly why: string;
    readonly switched_off_at: string;
  }[];
}

/** What waits for another user. */
export interface WaitingChange {
  readonly id: string;
  readonly kind: "policy-approval-off" | "lists-approval-off" | "list-entries";
  readonly details: Readonly<Record<string, unknown>>;
  readonly author: string;
  readonly note: string;
  readonly created_at: string;
  readonly expires_at: string;
  /** For break glass: the time when the change takes effect unless another user rejects it. */
  readonly takes_effect_at: string | null;
}

export interface PolicyDraft {
  readonly name: string;
  readonly version: number;
  readonly author: string;
  readonly updated_at: string;
}

export interface PolicyDraftText extends PolicyDraft {
  readonly text: string;
  readonly faults: readonly string[];
}

export interface ListSummary {
  readonly list: string;
  readonly effect: string;
  readonly entries: number;
}

export interface ListEntry {
  readonly list: string;
  readonly kind: string;
  readonly value: string;
  readonly effect: string;
  readonly reason: string;
  readonly author: string;
  readonly created_at: string;
  readonly expires_at: string | null;
}

export interface ListEntryPage {
  readonly entries: readonly ListEntry[];
  readonly next: string | null;
}

export interface Rollout {
  readonly id: string;
  readonly model: string;
  readonly stage: "shadow" | "canary" | "champion" | "rolled-back";
  readonly candidate: string;
  readonly champion: string;
  readonly canary_percent: number;
  readonly shadow_percent: number;
  readonly is_held: boolean;
  /** Absent in the answer of an earlier release. */
  readonly is_registry_pending?: boolean;
  readonly revision: number;
  readonly started_at: string;
  readonly changed_at: string;
  readonly changed_by: string;
  readonly why: string;
  readonly plan: { readonly auto: boolean; readonly steps_percent: readonly number[] };
}

export interface RolloutDetail extends Rollout {
  readonly findings: readonly {
    readonly guard: string;
    readonly is_judged: boolean;
    readonly is_breached: boolean;
    readonly text: string;
  }[];
  readonly steps: readonly {
    readonly step: string;
    readonly actor: string;
    readonly stage: string;
    readonly canary_percent: number;
    readonly why: string;
    readonly revision: number;
    readonly at: string;
  }[];
}

export interface AuditEntry {
  readonly sequence: number;
  readonly at: string;
  readonly tenant: string;
  readonly actor: string;
  readonly actor_kind: "client" | "person" | "service";
  readonly action: string;
  readonly subject_kind: string;
  readonly subject_id: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly source: string;
}

/** An entry as it was hashed. */
export interface AuditLogEntry {
  readonly sequence: number;
  readonly eventId: string;
  readonly tenant: string;
  readonly actor: string;
  readonly actorKind: string;
  readonly action: string;
  readonly subjectKind: string;
  readonly subjectId: string;
  readonly details: string;
  readonly atMs: number;
  readonly source: string;
  readonly hash: string;
}

export interface AuditLogPage {
  readonly head: { readonly sequence: number; readonly hash: string | null };
  readonly entries: readonly AuditLogEntry[];
}

export interface AuditCheckpoint {
  readonly tenant: string;
  readonly sequence: number;
  readonly hash: string;
  readonly signedAtMs: number;
  readonly keyId: string;
  readonly signature: string;
}

export interface AuditKey {
  readonly keyId: string;
  readonly publicKey: string;
}

export interface DeadLetter {
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly message: string;
  readonly group: string;
  readonly tenant: string;
  /** Masked. */
  readonly key: string;
  readonly bytes: number;
  readonly buried_at: string;
  readonly returned: number;
  readonly is_reference: boolean;
}

export interface DeadLetterTopic {
  readonly topic: string;
  readonly count: number;
  readonly can_return: boolean;
  readonly letters: readonly DeadLetter[];
}

export interface Erasures {
  readonly total: number;
  readonly unpublished: number;
  readonly erasures: readonly {
    readonly subject: string;
    readonly erased_at: string;
    readonly is_published: boolean;
    /** Null before that, and for those of versions that kept no time. */
    readonly published_at: string | null;
  }[];
}

export interface TrainingJob {
  readonly facts: {
    readonly model: string;
    readonly drift: { readonly day: string; readonly sentence: string } | null;
    readonly judged_to: string | null;
    readonly last_retraining: string | null;
    readonly next_retraining: string | null;
    readonly challenger: { readonly version: string; readonly why: string; readonly stage: string | null } | null;
    readonly failure: string | null;
  };
  readonly reported_by: string;
  readonly reported_at: string;
}

export const CONTROL = "/api/control/v1";
