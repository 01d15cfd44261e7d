import type { Outcome } from "./decisions.js";
import type { Problem } from "./session.js";

/**
 * A backtest of a policy on past payments. `POST /api/policy/backtest` takes the `{ text }` of a draft. `POST
 * /api/policy/shadow` takes nothing and counts what shadow rules would have done. Both respond with JSON lines: first
 * progress, then the report. Closing the connection stops the work. The figures and intervals are described in
 * docs/backtest.md.
 */
export type TrialLine =
  | { readonly progress: { readonly done: number; readonly total: number } }
  | { readonly report: PolicyTrial }
  | { readonly problem: Problem };

/** A value with its 95 % confidence interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Hits. Shares with a zero denominator are omitted. */
export interface HitFigures {
  readonly hits: number;
  readonly share?: Estimate | undefined;
  readonly frauds: number;
  readonly genuine: number;
  /** Hits without a label. */
  readonly unknown: number;
  readonly precision?: Estimate | undefined;
  readonly recall?: Estimate | undefined;
  /** False positives as a share of genuine payments. */
  readonly falsePositiveRate?: Estimate | undefined;
}

export interface TrialPart extends HitFigures {
  readonly id: string;
  readonly kind: "rule" | "band";
  readonly outcome: Outcome;
  /** Hits for which no other part has an equally strict outcome. */
  readonly alone: number;
  /** Hits whose actual outcome was milder. */
  readonly stricter: number;
}

export interface PolicyTrial {
  readonly subject: "draft" | "shadow";
  readonly payments: number;
  readonly cards: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly frauds: number;
  readonly genuine: number;
  /** Payments that may still get a label; they are treated as unknown. */
  readonly young: number;
  readonly unlabelled: number;
  /** Days within which 95 % of labels arrive; null without labels. */
  readonly labelDelayDays: number | null;
  /** Payments that could not be decided again. */
  readonly skipped: number;
  readonly decided: { readonly stopped: HitFigures; readonly declined: HitFigures };
  readonly drafted: { readonly stopped: HitFigures; readonly declined: HitFigures };
  readonly changes: readonly {
    /** The outcomes before and after, for example `approve -> decline`. */
    readonly change: string;
    readonly payments: number;
    readonly frauds: number;
    readonly genuine: number;
  }[];
  /** Payments that would have had other payment updates, because only one of the two decisions declines them. */
  readonly movedDeclines: number;
  readonly parts: readonly TrialPart[];
  /** What exploration by the draft is expected to cost per day, in minor units; empty if it explores nothing. */
  readonly exploration: readonly {
    readonly currency: string;
    /** Declines that could be explored. */
    readonly payments: number;
    readonly approvedPerDay: number;
    readonly amountMinorPerDay: number;
    readonly lossMinorPerDay: number;
  }[];
  /** A few examples of stopped genuine payments and of missed frauds. */
  readonly examples: readonly {
    readonly kind: "false-positive" | "missed";
    readonly transactionId: string;
    readonly amountMinor: number;
    readonly currency: string;
    readonly occurredAtMs: number;
    readonly sentences: readonly string[];
  }[];
  /** The reasons why the draft could not be evaluated, each with the number of payments. */
  readonly failures: Readonly<Record<string, number>>;
  /** Rules without a result, with the number of payments. */
  readonly rulesSkipped: readonly { readonly ruleId: string; readonly why: string; readonly payments: number }[];
}
