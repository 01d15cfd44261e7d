import type { AttachmentLimits, CaseAttachment } from "./attachments.js";
import type { DecisionDetail, DecisionRow, Outcome, Reason } from "./decisions.js";
import type { FraudReportRow } from "./fraud-reports.js";
import type { PaymentUpdateRow } from "./payment-updates.js";
import type { PersonRef } from "./people.js";

/** Responses of the console's backend about cases. A card has at most one open case. */

export type CaseStatus = "open" | "snoozed" | "closed";

export interface CaseRow {
  readonly id: string;
  readonly status: CaseStatus;
  readonly cardToken: string;
  /** The strictest outcome of its payments. */
  readonly outcome: Outcome;
  /** Highest score of its payments; null if none had a score. */
  readonly score: number | null;
  readonly payments: number;
  /** Total of its payments in the currency of the newest one. */
  readonly amountMinor: number;
  readonly currency: string;
  /** Reason codes, most frequent first. */
  readonly reasons: readonly string[];
  readonly openedAtMs: number;
  readonly changedAtMs: number;
  /** The time at which a verdict is due. */
  readonly dueAtMs: number;
  readonly snoozedUntilMs: number | null;
  readonly assignee: PersonRef | null;
  readonly isEscalated: boolean;
  /** The verdict with which it was closed. */
  readonly verdict: "fraud" | "genuine" | null;
  /** Until when the verdict can be undone; null if it has taken effect. Absent from instances before 0.3.0. */
  readonly undoUntilMs?: number | null;
  /** Increases with each change. A change request states the revision on which it is based. */
  readonly revision: number;
}

export type CaseSort = "due" | "opened" | "score" | "amount";

/** Query of `GET /api/cases`. All parameters are optional. */
export interface CaseQuery {
  readonly status?: CaseStatus;
  readonly outcome?: Outcome;
  readonly reason?: string;
  /** A user's ID, `me` or `nobody`. */
  readonly assignee?: string;
  readonly escalated?: boolean;
  /** The case's currency (ISO 4217). Without it, the bounds below apply to minor units of any currency. */
  readonly currency?: string;
  readonly amountMinorMin?: number;
  readonly amountMinorMax?: number;
  readonly scoreMin?: number;
  /** Whether the case is past its due time. */
  readonly overdue?: boolean;
  /** Part of a card token, the ID of a payment, or a terminal. */
  readonly search?: string;
  readonly sort?: CaseSort;
  /** Default: false for `due`, true for all other orders. */
  readonly descending?: boolean;
  readonly after?: string;
  /** Maximum number of cases: at most 200, by default 50. */
  readonly limit?: number;
}

/** The pattern of a case's payments. Amounts are in minor units. A span is from the first payment to the last one. */
export type CaseStory =
  | {
      /** Within a day, at least three small payments, then one that is at least ten times as large as each of them. */
      readonly kind: "card-testing" | "small-then-large";
      /** The number of small payments. `minMinor` and `maxMinor` are their smallest and largest amounts. */
      readonly payments: number;
      readonly minMinor: number;
      readonly maxMinor: number;
      readonly largeMinor: number;
      /** The number of payments after the large one. */
      readonly later: number;
      readonly currency: string;
    }
  | {
      readonly kind: "same-amount";
      readonly payments: number;
      readonly amountMinor: number;
      readonly currency: string;
      readonly spanMs: number;
    }
  | {
      readonly kind: "burst";
      readonly payments: number;
      /** The number of terminals; 0 if the payments have no terminal. */
      readonly terminals: number;
      readonly currencies: number;
      /** The total amount; null if there are several currencies. */
      readonly sumMinor: number | null;
      readonly currency: string;
      readonly spanMs: number;
    };

/** A case in the queue, with its reasons and its story. */
export interface QueueRow extends CaseRow {
  /** Reasons of the payment that the page shows first; empty if its decision was deleted. Absent like `undoUntilMs`. */
  readonly focusReasons?: readonly Reason[];
  /** Null if its payments follow no known pattern. Absent from instances before 0.3.0. */
  readonly story?: CaseStory | null;
}

/** Response of `GET /api/cases`. */
export interface QueuePage extends Omit<CasePage, "cases"> {
  readonly cases: readonly QueueRow[];
}

export interface CasePage {
  readonly cases: readonly CaseRow[];
  readonly total: number;
  readonly next: string | null;
}

interface EntryOfPayment {
  readonly atMs: number;
  readonly decision: DecisionRow;
  /** Whether it is one of the case's payments. */
  readonly isOfCase: boolean;
}

export type TimelineEntry =
  | (EntryOfPayment & { readonly kind: "payment" | "label" })
  | (EntryOfPayment & { readonly kind: "update"; readonly update: PaymentUpdateRow })
  | (EntryOfPayment & { readonly kind: "report"; readonly report: FraudReportRow });

/** The card's baseline from its payments in the 90 days before the case. */
export interface CardUsual {
  readonly payments: number;
  readonly paymentsPerDay: number;
  readonly amountMedianMinor: number | null;
  /** The 5th percentile. The next field is the 95th percentile. */
  readonly amountP05Minor: number | null;
  readonly amountP95Minor: number | null;
  /** Payments by hour of day, UTC: 24 numbers. */
  readonly byHour: readonly number[];
  readonly terminals: number;
  /** Amounts of the payments, oldest first, at most 200. */
  readonly amounts: readonly { readonly atMs: number; readonly amountMinor: number; readonly outcome: Outcome }[];
}

export type EntityKind = "card" | "terminal" | "device" | "ip";

export interface GraphNode {
  /** The entity as `kind:value`. */
  readonly id: string;
  readonly kind: EntityKind;
  readonly value: string;
  readonly payments: number;
  readonly frauds: number;
  readonly isSubject: boolean;
}

export interface CaseGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly payments: number }[];
  /** Whether some nodes are omitted. */
  readonly isCut: boolean;
}

export interface CaseNote {
  readonly id: string;
  readonly author: PersonRef;
  readonly text: string;
  readonly atMs: number;
}

/** An action on the case, in one sentence. */
export interface CaseEvent {
  readonly atMs: number;
  readonly by: PersonRef | null;
  readonly text: string;
}

/** Response of `GET /api/cases/:id`. */
export interface CaseDetail extends CaseRow {
  /** Null if its payments follow no known pattern. Absent from instances before 0.3.0. */
  readonly story?: CaseStory | null;
  /** Decisions on the case's payments, newest first. */
  readonly decisions: readonly DecisionRow[];
  /** The payment to look at first: the newest one with the strictest outcome. */
  readonly focus: DecisionDetail;
  readonly timeline: readonly TimelineEntry[];
  readonly usual: CardUsual;
  readonly graph: CaseGraph;
  readonly notes: readonly CaseNote[];
  readonly history: readonly CaseEvent[];
  /** The attachments, oldest first. */
  readonly attachments: readonly CaseAttachment[];
  /** The limits for attachments; null if no store is configured. */
  readonly attachmentLimits: AttachmentLimits | null;
  /** Whether the payments' amounts require a second user to confirm a verdict. */
  readonly needsSecondUser: boolean;
  /** A verdict above the tenant's limit that waits for a second user. */
  readonly pendingVerdict: {
    readonly verdict: "fraud" | "genuine";
    readonly reason: string;
    readonly by: PersonRef;
    readonly atMs: number;
  } | null;
  /** A short summary of the case's facts, from a template. */
  readonly narrative: string;
  /** The model that can write the summary instead; null if none is configured. */
  readonly narrativeModel: string | null;
}

/** `POST /api/cases/:id/narrative`: a summary by the model, from facts that identify no person, place or card. */
export interface CaseNarrative {
  readonly text: string;
  /** The model that wrote it; null for the template. */
  readonly model: string | null;
  /**
   * The reason why the template was used although a model is configured: the model was too slow, is busy, or failed.
   */
  readonly fallback: "late" | "busy" | "failed" | null;
}

/** Reasons for a verdict. */
export const VERDICT_REASONS = {
  fraud: ["stolen-card", "counterfeit", "card-not-present", "account-takeover", "friendly-fraud", "other-fraud"],
  genuine: ["customer-confirmed", "usual-pattern", "known-device", "merchant-confirmed", "other-genuine"],
} as const;

/**
 * Each change is a `POST /api/cases/:id/…` with `{ revision, … }` and returns the changed CaseRow. An
 * error 409 `changed-meanwhile` changes nothing; it says who changed the case and how, or that the card of a case to
 * reopen has another open case.
 *
 * - `assign` `{ assignee: id | null }`, where null unassigns it; `snooze` `{ untilMs }`; `escalate` `{ note }`;
 *   `reopen` `{}`, which undoes a verdict that can still be undone
 * - `notes` `{ text }` returns the CaseNote; it needs no revision
 * - `verdict` `{ verdict, reason, note }`: labels every payment of the case and closes it, or waits for a second user,
 *   who posts the same verdict, or `verdict/refuse` `{ note }`, with which the first user withdraws it
 * - `verdict/undo` `{}` undoes a verdict before its labels and its event are sent. If the card has another open case by
 *   then, the case stays closed, but without a verdict
 *
 * `POST /api/cases/next` `{ filters?: CaseQuery, after?: id }` assigns the next case in the queue to the user and
 * returns its CaseRow, or 204 if there is no such case. With `after`, it continues after this case and includes the
 * user's own cases. It skips cases for which the user has requested a verdict.
 * `POST /api/cases/bulk` `{ cases: { id, revision }[], change: { assign | snooze | verdict | undo … } }` takes at most
 * 200 cases and returns `{ changed: CaseRow[], refused: { id, code, detail }[] }`. `GET|PUT|DELETE
 * /api/views/:name` are for the user's saved queries, and the body of PUT is the query; `GET /api/views` lists them.
 * `GET /api/people` returns PersonRef[], the users to whom a case can be assigned, and `GET /api/people/names` returns
 * all users. `GET /api/cases.csv` takes the parameters of `GET /api/cases` and returns up to 10,000 rows; `GET
 * /api/cases/:id/payments.csv` returns the payments of a case; `GET /api/cases/:id/report.pdf?zone=Europe/Berlin`
 * returns what its page shows, with times in that zone.
 */
export interface SavedView {
  readonly name: string;
  readonly query: CaseQuery;
}

/** Response of `GET /api/entities/:kind/:value`. */
export interface EntityDetail {
  /** `card` or a kind in `SEARCHED_FIELDS`. */
  readonly kind: string;
  readonly value: string;
  readonly payments: number;
  readonly frauds: number;
  readonly firstSeenMs: number | null;
  readonly lastSeenMs: number | null;
  readonly decisions: readonly DecisionRow[];
  readonly features: readonly { readonly name: string; readonly title: string; readonly text: string }[];
  readonly lists: readonly {
    readonly list: string;
    readonly effect: string;
    readonly reason: string;
    readonly expiresAtMs: number | null;
  }[];
  /** `lists` is empty because the control plane is unavailable or the user may not see lists. */
  readonly areListsUnknown?: boolean;
  readonly cases: readonly CaseRow[];
}
