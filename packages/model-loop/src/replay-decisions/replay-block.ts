import { currencyDecimals } from "@tripline/contracts/currency";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { Decision, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Deciders, Reopened } from "@tripline/decision-engine/backtest/reopen-payment";
import { decideAgain } from "@tripline/decision-engine/backtest/reopen-payment";
import { EVALUATION_FAILED } from "@tripline/decision-engine/conditions/step-meter";
import type { Score } from "@tripline/decision-engine/decide-payment";
import { RAISED_BY, wantsContributions, withContributions } from "@tripline/decision-engine/explain-decision";
import type { ArchivedDecision } from "./read-archived.js";
import { reopenDecision } from "./reopen-decision.js";
import type { ReplayModel } from "./replay-model.js";
import type { ReplayTally } from "./replay-tally.js";
import { bandOf, count, differ, emptyTally, reasonOf, skip, transitionOf } from "./replay-tally.js";

/** Everything that a replay needs to make decisions. */
export interface ReplayDeciders extends Deciders {
  /** The model of an archived version. */
  modelOf(name: string, version: string): ReplayModel;
}

interface Open extends Reopened {
  readonly model: ReplayModel | undefined;
}

interface Replayed {
  readonly open: Open;
  readonly decision: Decision;
}

/** Decides archived payments again and compares the result with the original decision. */
export async function replayBlock(rows: readonly ArchivedDecision[], deciders: ReplayDeciders): Promise<ReplayTally> {
  const tally = emptyTally();
  const open: Open[] = [];
  for (const row of rows) {
    const opened = reopenDecision(row, deciders);
    if ("reason" in opened) skip(tally, opened.reason, opened.what);
    else open.push({ ...opened, model: modelOf(opened, deciders) });
  }
  const scores = await scoreAll(open);
  const made = open.map((one): Replayed => ({ open: one, decision: decideAgain(one, scoreOf(one, scores.get(one))) }));
  for (const { open: one, decision } of explainAll(made, tally)) {
    tally.rows += 1;
    if (one.archived.rung !== Rung.MODEL) tally.degraded += 1;
    if (isOfSameVersions(one)) compareBytes(one, decision, tally);
    else compareOutcome(one, decision, tally);
  }
  return tally;
}

function modelOf({ inputs }: Reopened, deciders: ReplayDeciders): ReplayModel | undefined {
  return "missing" in inputs.score ? undefined : deciders.modelOf(inputs.score.modelName, inputs.score.modelVersion);
}

/** All payments of a model are scored in one run. */
async function scoreAll(open: readonly Open[]): Promise<ReadonlyMap<Open, number>> {
  const scores = new Map<Open, number>();
  for (const [model, ofModel] of Map.groupBy(open, (one) => one.model)) {
    if (model === undefined) continue;
    const found = await model.score(ofModel.map(({ features }) => features.values));
    ofModel.forEach((one, index) => {
      scores.set(one, found[index] ?? Number.NaN);
    });
  }
  return scores;
}

function scoreOf({ inputs, model }: Open, value: number | undefined): Score {
  if ("missing" in inputs.score) return inputs.score;
  return model === undefined || value === undefined
    ? { missing: "" }
    : { value, modelName: model.name, modelVersion: model.version };
}

/**
 * Adds score explanations to decisions that originally had them. For other versions, explanations are not compared,
 * because they follow from the score and change no outcome.
 */
function explainAll(made: readonly Replayed[], tally: ReplayTally): Replayed[] {
  const explained = new Map<Open, Decision>();
  const unexplainable = new Set<Open>();
  const wanting = made.filter(({ open, decision }) => isOfSameVersions(open) && wantsContributions(decision));
  for (const [model, ofModel] of Map.groupBy(wanting, ({ open }) => open.model)) {
    const explainable = ofModel.filter(({ open }) => open.inputs.hasContributions);
    tally.unexplained += ofModel.length - explainable.length;
    if (explainable.length === 0 || model === undefined) continue;
    const found = model.explain(explainable.map(({ open }) => open.features.values));
    explainable.forEach(({ open, decision }, index) => {
      const contributions = found?.[index];
      if (contributions === undefined) unexplainable.add(open);
      else {
        const { transaction, features } = open;
        const payment = { currency: transaction.currency, values: features.values, transaction };
        explained.set(open, withContributions(open.policy, decision, payment, contributions));
      }
    });
  }
  for (const { model } of unexplainable) skip(tally, "not-explainable", `${model?.name} ${model?.version}`);
  return made
    .filter(({ open }) => !unexplainable.has(open))
    .map(({ open, decision }) => ({ open, decision: explained.get(open) ?? decision }));
}

function isOfSameVersions({ archived, policy, model }: Open): boolean {
  if (policy.version !== archived.policyVersion) return false;
  return model === undefined || (model.name === archived.modelName && model.version === archived.modelVersion);
}

function compareBytes({ archived }: Open, decision: Decision, tally: ReplayTally): void {
  const isReworded = archived.wordingVersion !== decision.wordingVersion;
  const named = withNamesOf(archived, decision);
  const isSame = haveSameBytes(archived, isReworded ? inWordsOf(archived, named) : named);
  if (isReworded && isSame) {
    count(tally.reworded, archived.wordingVersion);
    return;
  }
  tally.sameVersions += 1;
  if (isSame) tally.identical += 1;
  else differ(tally, archived, decision);
}

/** Decisions of earlier releases do not name the rules whose evaluation failed; the behaviour is the same. */
function withNamesOf(archived: Decision, decision: Decision): Decision {
  if (archived.skippedRules.length > 0) return decision;
  return { ...decision, skippedRules: decision.skippedRules.filter(({ why }) => why !== EVALUATION_FAILED) };
}

function haveSameBytes(one: Decision, other: Decision): boolean {
  return Buffer.compare(encodeMessage(Decision, one), encodeMessage(Decision, other)) === 0;
}

/**
 * Uses the other release's wording if the reasons are the same. The choice of features that a sentence names is part of
 * the wording.
 */
function inWordsOf({ reasons: others, wordingVersion }: Decision, decision: Decision): Decision {
  const own = decision.reasons.filter(({ code }) => !code.startsWith(RAISED_BY));
  const reasons = own.map((reason, index) => {
    const other = others[index];
    return other?.code === reason.code ? { ...reason, text: other.text } : reason;
  });
  const raised = others.filter(({ code }) => code.startsWith(RAISED_BY));
  return { ...decision, reasons: [...reasons, ...raised], wordingVersion };
}

function compareOutcome(
  { archived, transaction, isFraud, policy, model }: Open,
  decision: Decision,
  tally: ReplayTally,
): void {
  const { amountMinor, currency } = transaction;
  if (policy.version !== archived.policyVersion) count(tally.otherPolicies, archived.policyVersion);
  if (model !== undefined && model.version !== archived.modelVersion) count(tally.otherModels, archived.modelVersion);
  const transition = transitionOf(tally, archived.outcome, decision.outcome);
  transition.rows += 1;
  if (isFraud === true) transition.frauds += 1;
  if (isFraud === false) transition.genuine += 1;
  count(transition.amounts, currency, amountMinor);
  const [before, after] = [codesOf(archived), codesOf(decision)];
  for (const code of before) {
    const reason = reasonOf(tally, code);
    reason.archived += 1;
    if (!after.has(code)) reason.removed += 1;
  }
  for (const code of after) {
    const reason = reasonOf(tally, code);
    reason.replayed += 1;
    if (!before.has(code)) reason.added += 1;
  }
  const band = bandOf(tally, currency, exponentOf(amountMinor, currency));
  band.rows += 1;
  if (decision.outcome > archived.outcome) {
    band.stricter += 1;
    band.stricterMinor += amountMinor;
  } else if (decision.outcome < archived.outcome) {
    band.milder += 1;
    band.milderMinor += amountMinor;
  }
}

function codesOf({ reasons }: Decision): Set<string> {
  return new Set(reasons.map(({ code }) => code).filter((code) => !code.startsWith(RAISED_BY)));
}

/** Digits of the amount in major units, minus one: 2 for 100.00 to 999.99. */
function exponentOf(amountMinor: number, currency: string): number {
  return String(Math.trunc(Math.abs(amountMinor) / 10 ** currencyDecimals(currency))).length - 1;
}
