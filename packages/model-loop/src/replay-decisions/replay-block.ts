import { currencyDecimals } from "@tripline/contracts/currency";
import { encodeMessage } from "@tripline/contracts/encode-message";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Decision, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { PaymentFeatures, Score } from "@tripline/decision-engine/decide-payment";
import { decide } from "@tripline/decision-engine/decide-payment";
import { RAISED_BY, wantsContributions, withContributions } from "@tripline/decision-engine/explain-decision";
import type { Policy } from "@tripline/decision-engine/policy";
import type { RecordedInputs } from "@tripline/decision-engine/recorded-inputs";
import { recordedInputs } from "@tripline/decision-engine/recorded-inputs";
import type { Scorecard } from "@tripline/decision-engine/scorecard";
import { decisionOf, vectorOf } from "@tripline/lake/read/row-message";
import type { ArchivedDecision } from "./read-archived.js";
import type { ReplayModel } from "./replay-model.js";
import type { ReplayTally, SkipReason } from "./replay-tally.js";
import { bandOf, count, differ, emptyTally, reasonOf, skip, transitionOf } from "./replay-tally.js";

/** What decides again. */
export interface Deciders {
  readonly specVersion: number;
  /** The policy for an archived version; undefined where it is not known. */
  policyOf(version: string): Policy | undefined;
  /** The model for an archived version. */
  modelOf(name: string, version: string): ReplayModel;
  /** The scorecard of a version; undefined where it is not known. */
  scorecardOf(version: string): Scorecard | undefined;
}

/** An archived decision with all that it takes to make it again. */
interface Open {
  readonly archived: Decision;
  readonly transaction: Transaction;
  readonly features: PaymentFeatures;
  readonly isFraud: boolean | undefined;
  readonly policy: Policy;
  readonly inputs: RecordedInputs;
  readonly model: ReplayModel | undefined;
  readonly scorecard: Scorecard | undefined;
}

interface Replayed {
  readonly open: Open;
  readonly decision: Decision;
}

/** Decides archived payments again and compares what comes out with what was decided. */
export async function replayBlock(rows: readonly ArchivedDecision[], deciders: Deciders): Promise<ReplayTally> {
  const tally = emptyTally();
  const open: Open[] = [];
  for (const row of rows) {
    const opened = openRow(row, deciders);
    if ("reason" in opened) skip(tally, opened.reason, opened.what);
    else open.push(opened);
  }
  const scores = await scoreAll(open);
  const made = open.map((one): Replayed => ({ open: one, decision: decideAgain(one, scores.get(one)) }));
  for (const { open: one, decision } of explainAll(made, tally)) {
    tally.rows += 1;
    if (one.archived.rung !== Rung.MODEL) tally.degraded += 1;
    if (isOfSameVersions(one)) compareBytes(one, decision, tally);
    else compareOutcome(one, decision, tally);
  }
  return tally;
}

/** What the decision was made from, or which part of it is missing. */
function openRow(row: ArchivedDecision, deciders: Deciders): Open | { reason: SkipReason; what: string } {
  const archived = decisionOf(row.decision);
  const vector = row.features === undefined ? undefined : vectorOf(row.features);
  if (vector?.transaction === undefined) return { reason: "features-missing", what: "" };
  const { transaction, specVersion, values, incomplete } = vector;
  for (const version of [specVersion, archived.featureSpecVersion]) {
    if (version !== deciders.specVersion) return { reason: "other-spec", what: String(version) };
  }
  const policy = deciders.policyOf(archived.policyVersion);
  if (policy === undefined) return { reason: "policy-unknown", what: archived.policyVersion };
  const inputs = recordedInputs(archived);
  const { score, scorecardVersion } = inputs;
  const scorecard = scorecardVersion === undefined ? undefined : deciders.scorecardOf(scorecardVersion);
  if (scorecardVersion !== undefined && scorecard === undefined) {
    return { reason: "scorecard-unknown", what: scorecardVersion };
  }
  const model = "missing" in score ? undefined : deciders.modelOf(score.modelName, score.modelVersion);
  const features = { specVersion, values, incomplete };
  return { archived, transaction, features, isFraud: row.isFraud, policy, inputs, model, scorecard };
}

/** One run per model. */
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

function decideAgain(one: Open, value: number | undefined): Decision {
  const { archived, transaction, features, policy, inputs, model, scorecard } = one;
  const score: Score =
    model === undefined || value === undefined
      ? { missing: "missing" in inputs.score ? inputs.score.missing : "" }
      : { value, modelName: model.name, modelVersion: model.version };
  const { decidedAtMs } = archived;
  return decide(policy, { transaction, features, score, listHits: inputs.listHits, decidedAtMs }, scorecard);
}

/**
 * The decisions with what raised their scores, where that had been found out in time. Other versions' decisions are compared
 * without it: it follows from the score, and changes no outcome.
 */
function explainAll(made: readonly Replayed[], tally: ReplayTally): Replayed[] {
  const explained = new Map<Open, Decision>();
  const unexplainable = new Set<Open>();
  const wanting = made.filter(({ open, decision }) => isOfSameVersions(open) && wantsContributions(decision));
  for (const [model, ofModel] of Map.groupBy(wanting, ({ open }) => open.model)) {
    const told = ofModel.filter(({ open }) => open.inputs.hasContributions);
    tally.unexplained += ofModel.length - told.length;
    if (told.length === 0 || model === undefined) continue;
    const found = model.explain(told.map(({ open }) => open.features.values));
    told.forEach(({ open, decision }, index) => {
      const contributions = found?.[index];
      if (contributions === undefined) unexplainable.add(open);
      else explained.set(open, withContributions(open.policy, decision, open.features.values, contributions));
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
  const isSame = haveSameBytes(archived, isReworded ? inWordsOf(archived, decision) : decision);
  if (isReworded && isSame) {
    count(tally.reworded, archived.wordingVersion);
    return;
  }
  tally.sameVersions += 1;
  if (isSame) tally.identical += 1;
  else differ(tally, archived, decision);
}

function haveSameBytes(one: Decision, other: Decision): boolean {
  return Buffer.compare(encodeMessage(Decision, one), encodeMessage(Decision, other)) === 0;
}

/** The decision with the sentences of another release where the reasons are the same ones. */
function inWordsOf({ reasons: others, wordingVersion }: Decision, decision: Decision): Decision {
  const reasons = decision.reasons.map((reason, index) => {
    const other = others[index];
    return other?.code === reason.code ? { ...reason, text: other.text } : reason;
  });
  return { ...decision, reasons, wordingVersion };
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

/** Digits of the amount in major units, less one: 2 for 100.00 to 999.99. */
function exponentOf(amountMinor: number, currency: string): number {
  return String(Math.trunc(Math.abs(amountMinor) / 10 ** currencyDecimals(currency))).length - 1;
}
