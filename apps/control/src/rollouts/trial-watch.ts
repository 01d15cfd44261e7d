import type { Decision, Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, RolloutStage } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Finding, TrialSample, TrialSamples } from "@tripline/decision-engine/rollouts/judge-trial";
import { judgeTrial, measureChampion, sampleOf } from "@tripline/decision-engine/rollouts/judge-trial";
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

/** Decisions since the last step of a rollout, within its window. */
export class TrialWatch {
  readonly #arms: Readonly<Record<keyof TrialSamples, Seen[]>> = { candidate: [], champion: [] };
  /** By payment, to match later labels and to recognise repeats. */
  readonly #byPayment = new Map<string, TrialSample>();
  readonly #policyVersions = new Set<string>();

  /** @param state after the last step; every step starts a new watch */
  constructor(readonly state: RolloutState) {}

  add(decision: Decision): void {
    if (decision.decidedAtMs < this.state.changedAtMs) return;
    const found = sampleOf(decision, this.state.candidateVersion);
    if (found === undefined) return;
    const id = paymentOf(decision);
    if (this.#byPayment.has(id)) return;
    this.#byPayment.set(id, found.sample);
    if (this.#policyVersions.size < POLICIES_MAX) this.#policyVersions.add(decision.policyVersion);
    const arm = this.#arms[found.arm];
    arm.push({ decidedAtMs: decision.decidedAtMs, id, sample: found.sample });
    if (arm.length > SAMPLES_MAX) this.#forget(arm, arm.length - SAMPLES_MAX);
  }

  label(label: Label): void {
    const sample = this.#byPayment.get(paymentOf(label));
    if (sample !== undefined && sample.outcome > Outcome.APPROVE) sample.isFraud = label.fraud;
  }

  judge(nowMs: number): readonly Finding[] {
    const { plan, stage } = this.state;
    const fromMs = nowMs - plan.guards.window_seconds * MS_PER_S;
    for (const arm of Object.values(this.#arms)) {
      const first = arm.findIndex(({ decidedAtMs }) => decidedAtMs >= fromMs);
      this.#forget(arm, first === -1 ? arm.length : first);
    }
    const samples = { candidate: samplesOf(this.#arms.candidate), champion: samplesOf(this.#arms.champion) };
    return judgeTrial(samples, stage === "canary" ? RolloutStage.CANARY : RolloutStage.SHADOW, plan.guards);
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

  #forget(arm: Seen[], count: number): void {
    for (const { id } of arm.splice(0, count)) this.#byPayment.delete(id);
  }
}

function samplesOf(arm: readonly Seen[]): TrialSample[] {
  return arm.map(({ sample }) => sample);
}

function paymentOf({ tenant, clientTransactionId }: Decision | Label): string {
  return `${tenant}/${clientTransactionId}`;
}
