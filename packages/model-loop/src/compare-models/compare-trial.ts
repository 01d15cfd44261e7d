import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Decision, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { clusteredShare } from "@tripline/decision-engine/backtest/clustered-share";
import type { TotalEstimate } from "@tripline/decision-engine/backtest/hit-measure";
import type { Deciders, Reopened } from "@tripline/decision-engine/backtest/reopen-payment";
import { decideAgain } from "@tripline/decision-engine/backtest/reopen-payment";
import type { Estimate } from "@tripline/decision-engine/backtest/wilson-interval";
import { parseStoredPolicy } from "@tripline/decision-engine/parse-policy";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { bootstrapTotals } from "../backtest/bootstrap-totals.js";
import { findPolicies, readPolicy, SHIPPED_POLICY } from "../replay-decisions/find-policies.js";
import type { ArchivedDecision, ArchivedRange } from "../replay-decisions/read-archived.js";
import { readArchived, requireSpec, surveyDecisions } from "../replay-decisions/read-archived.js";
import { reopenDecision } from "../replay-decisions/reopen-decision.js";

export interface CompareOptions extends ArchivedRange {
  /** The candidate; default: the only one in the range. */
  readonly candidate?: string;
  /** Replaces the archived policy versions. */
  readonly policyFile?: string;
  /** Folder with policies that are not in git. */
  readonly policiesFolder?: string;
}

/** Payments that the two models treat differently. */
export interface Disagreement {
  readonly payments: number;
  /** Share of the payments that both models scored, with its interval over cards. */
  readonly share: Estimate | undefined;
  readonly cards: number;
  /** Share of fraud among those with a label. */
  readonly frauds: number;
  readonly genuine: number;
  /** By currency, in minor units, with the interval over cards. */
  readonly money: ReadonlyMap<string, TotalEstimate>;
}

export interface CompareReport {
  readonly candidate: string;
  readonly payments: number;
  readonly cards: number;
  /** Payments for which the candidate was requested, but which it or the champion did not score. */
  readonly unscored: number;
  /** Payments that could not be decided again because features or their policy are missing. */
  readonly skipped: number;
  /** By the champion's outcome, then by the candidate's. */
  readonly outcomes: ReadonlyMap<Outcome, ReadonlyMap<Outcome, number>>;
  readonly stricter: Disagreement;
  readonly milder: Disagreement;
  /** Largest score difference first. */
  readonly examples: readonly Compared[];
}

/** A payment with both models' scores. */
export interface Compared {
  readonly transactionId: string;
  readonly cardToken: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly isFraud: boolean | undefined;
  readonly championScore: number;
  readonly candidateScore: number;
  readonly champion: Outcome;
  readonly candidate: Outcome;
}

const EXAMPLES_MAX = 10;

/**
 * Reports what the candidate of a rollout would have decided differently for the payments that both models scored: all
 * payments in shadow mode, or the candidate's share in a canary. Reads the lake; writes nothing.
 *
 * @throws TriplineError `not-found` if no candidate scored anything in the range, `invalid-field` if several did,
 *   `config-invalid` or `policy-invalid` for a file, `spec-mismatch`, `lake-unavailable`
 */
export async function compareTrial(options: CompareOptions): Promise<CompareReport> {
  const spec = currentFeatureSpec();
  const scan = await LakeScan.open();
  try {
    const archived = await surveyDecisions(scan, options);
    requireSpec(archived, spec);
    const deciders = await decidersOf(new Set(archived.map(({ policyVersion }) => policyVersion)), options);
    const counts = new Map<string, CandidateRows>();
    for await (const chunk of readArchived(scan, options)) {
      for (const row of chunk) take(row, deciders, counts);
    }
    return reportOf(...chosen(counts, options));
  } finally {
    await scan.close();
  }
}

interface CandidateRows {
  readonly compared: Compared[];
  unscored: number;
  skipped: number;
}

async function decidersOf(
  wanted: ReadonlySet<string>,
  { policyFile, policiesFolder }: CompareOptions,
): Promise<Deciders> {
  const spec = currentFeatureSpec();
  const texts =
    policyFile === undefined
      ? await findPolicies(SHIPPED_POLICY, wanted, policiesFolder)
      : [await readPolicy(policyFile)];
  const policies = texts.map(({ text, fileName }) => parseStoredPolicy(text, spec, fileName));
  return {
    specVersion: spec.version,
    policyOf: (version) =>
      policyFile === undefined ? policies.find((policy) => policy.version === version) : policies[0],
    scorecardOf: () => undefined,
  };
}

function take(row: ArchivedDecision, deciders: Deciders, counts: Map<string, CandidateRows>): void {
  const candidate = row.decision.candidate_version;
  if (typeof candidate !== "string") return;
  const rows = counts.get(candidate) ?? { compared: [], unscored: 0, skipped: 0 };
  counts.set(candidate, rows);
  const reopened = reopenDecision(row, deciders);
  if ("reason" in reopened) {
    rows.skipped += 1;
    return;
  }
  const scores = scoresOf(reopened.archived);
  if (scores === undefined) return;
  if (scores.champion === undefined || scores.candidate === undefined) rows.unscored += 1;
  else rows.compared.push(compare(reopened, scores.champion, scores.candidate));
}

/** Both models' scores; undefined for a payment that was not sent to the candidate. */
function scoresOf({ trial, score, modelVersion }: Decision) {
  if (trial === undefined) return undefined;
  const { trialRole, candidateScore: candidate, championScore, candidateMissing, candidateVersion } = trial;
  if (candidate === undefined && candidateMissing === "") return undefined;
  // In a canary, the decision's own score is the candidate's score, if the candidate returned one.
  const isCandidates = trialRole === TrialRole.CANARY && modelVersion === candidateVersion;
  return { candidate, champion: isCandidates ? championScore : score };
}

function compare(reopened: Reopened, championScore: number, candidateScore: number): Compared {
  const { transaction, isFraud } = reopened;
  const undrawn = { ...reopened, inputs: { ...reopened.inputs, exploration: "undrawn" as const } };
  const outcomeBy = (value: number): Outcome =>
    decideAgain(undrawn, { value, modelName: "compared", modelVersion: "" }).outcome;
  const { transactionId, cardToken, amountMinor, currency } = transaction;
  return {
    transactionId,
    cardToken,
    amountMinor,
    currency,
    isFraud,
    championScore,
    candidateScore,
    champion: outcomeBy(championScore),
    candidate: outcomeBy(candidateScore),
  };
}

function chosen(counts: ReadonlyMap<string, CandidateRows>, options: CompareOptions): [string, CandidateRows] {
  const names = [...counts.keys()];
  const name = options.candidate ?? (names.length === 1 ? names[0] : undefined);
  const rows = name === undefined ? undefined : counts.get(name);
  if (name !== undefined && rows !== undefined) return [name, rows];
  if (names.length > 1) {
    const detail = `The range has decisions of ${names.length} candidates. Set --candidate to one of ${names.join(", ")}.`;
    throw new TriplineError("invalid-field", detail);
  }
  const found = names.length === 0 ? "no candidate scored a payment" : `the only candidate was ${names[0]}`;
  throw new TriplineError("not-found", `In this range of ${options.lake} ${found}.`);
}

function reportOf(candidate: string, { compared, unscored, skipped }: CandidateRows): CompareReport {
  const outcomes = new Map<Outcome, Map<Outcome, number>>();
  for (const { champion, candidate: other } of compared) {
    const others = outcomes.get(champion) ?? new Map<Outcome, number>();
    outcomes.set(champion, others.set(other, (others.get(other) ?? 0) + 1));
  }
  const distance = ({ championScore, candidateScore }: Compared): number => Math.abs(championScore - candidateScore);
  const differing = compared.filter((one) => one.champion !== one.candidate);
  return {
    candidate,
    unscored,
    skipped,
    outcomes,
    payments: compared.length,
    cards: new Set(compared.map(({ cardToken }) => cardToken)).size,
    stricter: disagreement(compared, ({ champion, candidate: other }) => other > champion),
    milder: disagreement(compared, ({ champion, candidate: other }) => other < champion),
    examples: differing.toSorted((one, other) => distance(other) - distance(one)).slice(0, EXAMPLES_MAX),
  };
}

function disagreement(compared: readonly Compared[], isOne: (one: Compared) => boolean): Disagreement {
  const byCard = [...Map.groupBy(compared, ({ cardToken }) => cardToken).values()];
  const touched = byCard.map((rows) => ({ rows: rows.filter(isOne), units: rows.length }));
  const rows = touched.flatMap((card) => card.rows);
  const amounts = touched.map((card, key) => ({
    key,
    amounts: new Map(
      [...Map.groupBy(card.rows, ({ currency }) => currency)].map(([currency, of]) => [currency, sumOf(of)]),
    ),
  }));
  return {
    payments: rows.length,
    share: clusteredShare(touched.map((card) => ({ hits: card.rows.length, units: card.units }))),
    cards: touched.filter((card) => card.rows.length > 0).length,
    frauds: rows.filter(({ isFraud }) => isFraud === true).length,
    genuine: rows.filter(({ isFraud }) => isFraud === false).length,
    money: bootstrapTotals(amounts),
  };
}

function sumOf(rows: readonly Compared[]): number {
  return rows.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
}
