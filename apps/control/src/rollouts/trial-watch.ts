import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { BASIS_POINTS, placeOf } from "@tripline/decision-engine/assign-card";
import { NO_AGREEMENT } from "@tripline/decision-engine/rollouts/agreement";
import type { Finding } from "@tripline/decision-engine/rollouts/finding";
import type { TrialSample, TrialSamples } from "@tripline/decision-engine/rollouts/judge-trial";
import { judgeWindow, measureChampion, sampleOf } from "@tripline/decision-engine/rollouts/judge-trial";
import { OutcomeShares } from "@tripline/decision-engine/rollouts/outcome-shares";
import { PairedScores } from "@tripline/decision-engine/rollouts/paired-scores";
import type { RolloutState } from "./rollout-state.js";
import type { MeasuredChampion } from "./rollout-store.js";

/** Maximum per arm, about 20 MB; the oldest are dropped. */
const SAMPLES_MAX = 50_000;
/** Scoring has loaded the candidate if it scored each of this many newest payments, even if too late. */
const SERVED_SAMPLES = 10;
const POLICIES_MAX = 100;
const MS_PER_S = 1_000;

interface Seen {
  readonly decidedAtMs: number;
  /** Id of the payment. */
  readonly id: string;
  readonly sample: TrialSample;
}

/** Collects the decisions since the last step of a rollout: those in its window, and the evidence from all of them. */
export class TrialWatch {
  readonly #arms: Readonly<Record<keyof TrialSamples, Seen[]>> = { candidate: [], champion: [] };
  /** Payments in the window, to recognise repeats. */
  readonly #payments = new Set<string>();
  readonly #policyVersions = new Set<string>();
  readonly #scores: PairedScores;
  readonly #outcomes: OutcomeShares;

  /**
   * @param state after the last step; every step starts a new watch
   * @param earlier the watch before that step, whose evidence continues to count
   */
  constructor(
    readonly state: RolloutState,
    earlier?: TrialWatch,
  ) {
    const { agreement = NO_AGREEMENT, plan } = state;
    this.#scores = earlier === undefined ? new PairedScores(agreement, plan.guards) : earlier.#scores;
    this.#outcomes = earlier === undefined ? new OutcomeShares(agreement, plan.guards) : earlier.#outcomes;
  }

  add(decision: Decision): void {
    const { decidedAtMs, cardToken, tenant, clientTransactionId } = decision;
    if (decidedAtMs < this.state.changedAtMs) return;
    const found = sampleOf(decision, this.state.candidateVersion);
    if (found === undefined) return;
    const id = `${tenant}/${clientTransactionId}`;
    if (this.#payments.has(id)) return;
    this.#payments.add(id);
    if (this.#policyVersions.size < POLICIES_MAX) this.#policyVersions.add(decision.policyVersion);
    const { arm: name, sample } = found;
    const arm = this.#arms[name];
    arm.push({ decidedAtMs, id, sample });
    if (arm.length > SAMPLES_MAX) this.#forget(arm, arm.length - SAMPLES_MAX);
    const { candidateScore, championScore } = sample;
    if (name === "candidate" && candidateScore !== undefined && championScore !== undefined) {
      this.#scores.add({ cardToken, candidateScore, championScore }, decidedAtMs);
    }
    if (this.state.stage !== "canary" || !this.#hasCurrentShare(decision)) return;
    this.#outcomes.add(name, sample, this.state.canaryBasisPoints / BASIS_POINTS);
  }

  /** The findings of all guards except `precision`, whose labels take longer than a watch lasts. */
  judge(nowMs: number): readonly Finding[] {
    const { plan, stage } = this.state;
    const fromMs = nowMs - plan.guards.window_seconds * MS_PER_S;
    for (const arm of Object.values(this.#arms)) {
      const first = arm.findIndex(({ decidedAtMs }) => decidedAtMs >= fromMs);
      this.#forget(arm, first === -1 ? arm.length : first);
    }
    // In shadow, the candidate decides nothing, and late scores are skipped on purpose.
    if (stage !== "canary") return [this.#scores.finding];
    const samples = { candidate: samplesOf(this.#arms.candidate), champion: samplesOf(this.#arms.champion) };
    const [missing, latency] = judgeWindow(samples, plan.guards);
    return [missing, this.#outcomes.findingFor(missing), latency, this.#scores.finding];
  }

  /** The champion's decisions in the window; undefined for too few cards. In shadow, these are all decisions. */
  get measure(): MeasuredChampion | undefined {
    const { plan, stage } = this.state;
    const { candidate, champion } = this.#arms;
    const measured = measureChampion(samplesOf(stage === "shadow" ? [...candidate, ...champion] : champion));
    if (measured.outcomes.cards < plan.guards.cards_min) return undefined;
    const { outcomes, missing, latency } = measured;
    return {
      outcomes: { cards: outcomes.cards, shares: [...outcomes.shares] },
      missing,
      latency,
      policyVersions: [...this.#policyVersions],
    };
  }

  /** Whether all scoring instances have loaded the candidate; undefined after too few payments. */
  get isServed(): boolean | undefined {
    const latest = this.#arms.candidate.slice(-SERVED_SAMPLES);
    if (latest.length < SERVED_SAMPLES) return undefined;
    return latest.every(({ sample }) => sample.isServed);
  }

  /** False for decisions made shortly after a step, when the decisions service still used the previous shares. */
  #hasCurrentShare({ cardToken, trial }: Decision): boolean {
    const { rolloutId, canaryBasisPoints } = this.state;
    const isCandidates = placeOf(cardToken, rolloutId) < canaryBasisPoints;
    return trial?.trialRole === (isCandidates ? TrialRole.CANARY : TrialRole.CONTROL);
  }

  #forget(arm: Seen[], count: number): void {
    for (const { id } of arm.splice(0, count)) this.#payments.delete(id);
  }
}

function samplesOf(arm: readonly Seen[]): TrialSample[] {
  return arm.map(({ sample }) => sample);
}
