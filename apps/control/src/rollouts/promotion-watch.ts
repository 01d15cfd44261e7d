import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Finding } from "@tripline/decision-engine/rollouts/finding";
import type { ChampionSample } from "@tripline/decision-engine/rollouts/judge-trial";
import { championSampleOf, judgePromotion } from "@tripline/decision-engine/rollouts/judge-trial";
import type { RolloutState } from "./rollout-state.js";
import type { MeasuredChampion, PromotedRollout } from "./rollout-store.js";

/** Maximum, about 10 MB; the oldest are dropped. */
const SAMPLES_MAX = 50_000;
const MS_PER_S = 1_000;

interface Seen {
  readonly decidedAtMs: number;
  readonly sample: ChampionSample;
}

/** Decisions since a promotion, compared with the previous champion's figures. */
export class PromotionWatch {
  readonly state: RolloutState;
  readonly #before: MeasuredChampion;
  /** By payment, in order of arrival. */
  readonly #seen = new Map<string, Seen>();

  constructor({ state, before }: PromotedRollout) {
    this.state = state;
    this.#before = before;
  }

  /**
   * Skips decisions by the former champion, which scoring uses until it has switched, and by policies that were not
   * measured before the promotion.
   */
  add(decision: Decision): void {
    const { decidedAtMs, modelVersion, policyVersion, rung, transactionId } = decision;
    const { changedAtMs, candidateVersion } = this.state;
    if (decidedAtMs < changedAtMs || (rung === Rung.MODEL && modelVersion !== candidateVersion)) return;
    if (!this.#before.policyVersions.includes(policyVersion) || this.#seen.has(transactionId)) return;
    this.#seen.set(transactionId, { decidedAtMs, sample: championSampleOf(decision) });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > SAMPLES_MAX && oldest !== undefined) this.#seen.delete(oldest);
  }

  judge(nowMs: number): readonly Finding[] {
    const { guards } = this.state.plan;
    const fromMs = nowMs - guards.window_seconds * MS_PER_S;
    for (const [id, { decidedAtMs }] of this.#seen) if (decidedAtMs < fromMs) this.#seen.delete(id);
    const samples = [...this.#seen.values()].map(({ sample }) => sample);
    return judgePromotion(this.#before, samples, guards);
  }
}
