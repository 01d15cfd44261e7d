import { on } from "node:events";
import type { MessagePort } from "node:worker_threads";
import type { ErrorCode, FieldError } from "@tripline/contracts/error-table";
import { asTriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Decision, FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { BacktestFigures } from "@tripline/decision-engine/backtest/backtest-tally";
import { BacktestTally } from "@tripline/decision-engine/backtest/backtest-tally";
import { draftParts, withIdsAsCodes } from "@tripline/decision-engine/backtest/draft-parts";
import type { LabelSurvey } from "@tripline/decision-engine/backtest/label-survey";
import { draftRow, reopenPayment } from "@tripline/decision-engine/backtest/reopen-payment";
import { parseStoredPolicy } from "@tripline/decision-engine/parse-policy";
import type { CheckedPolicy, PolicyOutline } from "./check-policy.js";
import { checkPolicy, outlineOf, readPolicy } from "./check-policy.js";

/** A payment with its decision, as Kafka records. */
export interface DecidedPayment {
  readonly decision: Uint8Array;
  readonly vector: Uint8Array | null;
  readonly isFraud: boolean | undefined;
}

export interface Backtest {
  readonly figures: BacktestFigures;
  /** Payments that cannot be decided again. */
  readonly skipped: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A thread's task for a policy text. */
export type PolicyTask =
  | { readonly kind: "ready" }
  | { readonly kind: "check" | "outline" | "stored-outline"; readonly text: string }
  | {
      readonly kind: "backtest";
      readonly text: string;
      readonly labels: LabelSurvey;
      /**
       * Delivers pages of payments, and null after the last page. The thread answers each page once it has decided its
       * payments.
       */
      readonly port: MessagePort;
    };

export type PolicyAnswer = null | CheckedPolicy | PolicyOutline | Backtest;

export type PolicyResult<Answer = PolicyAnswer> =
  | { readonly answer: Answer }
  | { readonly failed: { readonly code: ErrorCode; readonly message: string; readonly fields: readonly FieldError[] } };

/** Never throws, because an error that is passed between threads loses its class. */
export default async function perform(task: PolicyTask): Promise<PolicyResult> {
  try {
    return { answer: await answer(task) };
  } catch (thrown) {
    const { code, message, fields } = asTriplineError(thrown);
    return { failed: { code, message, fields } };
  }
}

function answer(task: PolicyTask): PolicyAnswer | Promise<PolicyAnswer> {
  switch (task.kind) {
    case "ready":
      return null;
    case "check":
      return checkPolicy(task.text);
    case "outline":
      return outlineOf(readPolicy(task.text));
    case "stored-outline":
      return outlineOf(readPolicy(task.text, parseStoredPolicy));
    case "backtest":
      return backtest(task);
  }
}

async function backtest({ text, labels, port }: PolicyTask & { readonly kind: "backtest" }): Promise<Backtest> {
  const policy = readPolicy(text);
  const parts = draftParts(policy);
  const ids = new Set(parts.map(({ id }) => id));
  const traced = withIdsAsCodes(policy);
  const deciders = {
    specVersion: currentFeatureSpec().version,
    policyOf: () => traced,
    // Payments with a scorecard's score instead of a model's are skipped.
    scorecardOf: () => undefined,
  };
  const tally = new BacktestTally(parts, labels);
  let [skipped, fromMs, toMs] = [0, Number.POSITIVE_INFINITY, 0];
  for await (const [message] of on(port, "message", { close: ["close"] })) {
    const page: readonly DecidedPayment[] | null = message;
    if (page === null) break;
    for (const { decision, vector, isFraud } of page) {
      const features = vector === null ? undefined : FeatureVector.decode(vector);
      const opened = reopenPayment(Decision.decode(decision), features, isFraud, deciders);
      if ("reason" in opened) {
        skipped += 1;
        continue;
      }
      tally.add(draftRow(opened, ids));
      fromMs = Math.min(fromMs, opened.transaction.occurredAtMs);
      toMs = Math.max(toMs, opened.transaction.occurredAtMs);
    }
    port.postMessage(page.length);
  }
  port.close();
  return { figures: tally.figures(), skipped, fromMs: Math.min(fromMs, toMs), toMs };
}
