import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "@opentelemetry/api";
import { SpanKind } from "@opentelemetry/api";
import type { ModelTrial, Rollout } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Assignment } from "@tripline/decision-engine/assign-card";
import { assignCard } from "@tripline/decision-engine/assign-card";
import type { Score } from "@tripline/decision-engine/decide-payment";
import { CANDIDATE_LATE } from "@tripline/decision-engine/rollouts/judge-trial";
import { callSpan } from "@tripline/telemetry/span-options";
import { withSpans } from "@tripline/telemetry/tracing";
import type { Scorer } from "./scorer.js";

/** Extra time that a decision waits for a shadow score, which was requested at the same time. */
const SPARE_SCORE_WAIT_MS = 5;

export const SCORING_CALL = callSpan(SpanKind.CLIENT, "inference.GRPCInferenceService/ModelInfer");

export interface ScoreTask {
  readonly cardToken: string;
  /** Values of the features in the order of the scorer's spec. */
  readonly row: readonly number[];
  readonly trace: Context;
}

export interface Scored {
  readonly score: Score;
  /** Undefined if the card is not in the rollout. */
  readonly trial: ModelTrial | undefined;
}

/** Payments whose scores arrive together. */
export interface ScoredPart<T> {
  readonly tasks: readonly T[];
  /** Results in the order of `tasks`. Never rejects. */
  readonly scored: Promise<readonly Scored[]>;
}

/**
 * Scores a batch while a model may be rolled out. The champion scores all of it and, at the same time, the candidate
 * scores the cards in the rollout. A failing candidate therefore delays only its own cards; all other payments form a
 * separate part, which does not wait for the candidate.
 *
 * @param budgetMs for both models together
 */
export function scoreTrial<T extends ScoreTask>(
  scorer: Scorer,
  rollout: Rollout | undefined,
  tasks: readonly T[],
  budgetMs: number,
): readonly ScoredPart<T>[] {
  if (tasks.length === 0) return [];
  const assigned = new Map(tasks.map((task) => [task, rollout && assignCard(rollout, task.cardToken)]));
  const asked = tasks.filter((task) => assigned.get(task)?.isCandidateAsked === true);
  const version = rollout?.candidateVersion ?? "";
  // Requested first, because less time may be allowed for its score.
  const byCandidate =
    asked.length === 0
      ? Promise.resolve(new Map<T, Score>())
      : sendRequest(asked, "score by candidate", (rows, traces) =>
          scorer.scoreByCandidate(version, rows, traces, budgetMs),
        );
  const byChampion = sendRequest(tasks, "score", (rows, traces) => scorer.score(rows, traces, budgetMs));

  async function scoreCanary(part: readonly T[]): Promise<Scored[]> {
    const candidate = await byCandidate;
    const isWhole = part.every((task) => isValue(candidate.get(task)));
    const champion = isWhole ? await ifSoon(byChampion) : await byChampion;
    return part.map((task) => canaryScore(version, candidate.get(task), champion?.get(task)));
  }

  async function scoreOthers(part: readonly T[]): Promise<Scored[]> {
    const champion = await byChampion;
    const candidate = await ifSoon(byCandidate);
    return part.map((task) => {
      const score = champion.get(task) ?? UNASKED;
      const assignment = assigned.get(task);
      if (assignment === undefined) return { score, trial: undefined };
      return { score, trial: spareTrial(version, assignment, candidate && (candidate.get(task) ?? UNASKED)) };
    });
  }

  const isCanary = (task: T): boolean => assigned.get(task)?.role === TrialRole.CANARY;
  const [canary, others] = [tasks.filter(isCanary), tasks.filter((task) => !isCanary(task))];
  return [
    ...(canary.length === 0 ? [] : [{ tasks: canary, scored: scoreCanary(canary) }]),
    ...(others.length === 0 ? [] : [{ tasks: others, scored: scoreOthers(others) }]),
  ];
}

type Ask = (rows: readonly (readonly number[])[], traces: readonly Context[]) => Promise<readonly Score[]>;

const UNASKED: Score = { missing: "no score was requested" };

async function sendRequest<T extends ScoreTask>(
  tasks: readonly T[],
  name: string,
  run: Ask,
): Promise<ReadonlyMap<T, Score>> {
  const rows = tasks.map(({ row }) => row);
  const traces = tasks.map(({ trace }) => trace);
  const scores = await withSpans(traces, name, SCORING_CALL, (contexts) => run(rows, contexts));
  return new Map(tasks.map((task, index) => [task, scores[index] ?? UNASKED]));
}

/** Results that are available immediately; undefined for late ones. */
async function ifSoon<V>(coming: Promise<V>): Promise<V | undefined> {
  return Promise.race([coming, delay(SPARE_SCORE_WAIT_MS, undefined)]);
}

function isValue(score: Score | undefined): score is Extract<Score, { value: number }> {
  return score !== undefined && "value" in score;
}

/** A card in the candidate's share. */
function canaryScore(candidateVersion: string, candidate: Score = UNASKED, champion: Score = UNASKED): Scored {
  const trial = { trialRole: TrialRole.CANARY, candidateVersion, candidateMissing: "" };
  const championScore = isValue(champion) ? { championScore: champion.value } : {};
  if ("missing" in candidate) {
    return { score: champion, trial: { ...trial, candidateMissing: candidate.missing } };
  }
  return { score: candidate, trial: { ...trial, candidateScore: candidate.value, ...championScore } };
}

/** A card for which the champion decides. @param candidate undefined if it is late */
function spareTrial(
  candidateVersion: string,
  { role, isCandidateAsked }: Assignment,
  candidate: Score | undefined,
): ModelTrial {
  const trial = { trialRole: role, candidateVersion, candidateMissing: "" };
  if (!isCandidateAsked) return trial;
  if (candidate === undefined) return { ...trial, candidateMissing: CANDIDATE_LATE };
  if ("missing" in candidate) return { ...trial, candidateMissing: candidate.missing };
  return { ...trial, candidateScore: candidate.value };
}
