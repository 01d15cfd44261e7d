import { ControlRefusal } from "@tripline/system/client/control-client";
import type { RolloutClient, RolloutRequest, ShownRollout } from "@tripline/system/client/rollout-client";
import type { Logger } from "@tripline/telemetry/logger";
import { counter } from "@tripline/telemetry/metrics";
import type { LoopState } from "./loop-state.js";

export interface LeadRolloutOptions {
  readonly state: LoopState;
  readonly model: string;
  readonly rollouts: Pick<RolloutClient, "start" | "status">;
  /** The rollout's plan; the control plane's defaults apply to missing parts. */
  readonly plan: Partial<RolloutRequest>;
  readonly logger: Logger;
}

/** A champion resolves a drift only if it was trained on at least this many days after it. */
const LEARNT_DAYS_MIN = 28;
const NOT_FOUND = 404;
/**
 * These rejections are final. Others may be temporary, for example while the control plane starts or if its credentials
 * are wrong.
 */
const FINAL = [400, NOT_FOUND, 422];
const WHY_CHARACTERS_MAX = 300;

/** Starts a challenger's rollout and tracks it until it ends. The control plane and its guards decide on each step. */
export class LeadingRollout {
  readonly #options: LeadRolloutOptions;
  readonly #ends = counter("tripline_training_rollouts_total", {
    description: "Rollouts of the training worker's challengers, by result",
    labels: ["result"],
  });

  constructor(options: LeadRolloutOptions) {
    this.#options = options;
  }

  /**
   * @param today the day of the newest payment
   * @throws Error in one sentence if the control plane does not respond; the next turn retries
   */
  async lead(today: number): Promise<void> {
    const { state, logger } = this.#options;
    const { challenger } = state.current;
    if (challenger === null) return;
    const rollout = await this.#rolloutOf(challenger);
    if (rollout === undefined || rollout.stage === challenger.stage) return;
    const { stage } = rollout;
    const last = rollout.steps.at(-1);
    logger.info({ version: challenger.version, stage }, `rollout: ${stage}, by ${last?.actor}: ${last?.why}`);
    if (stage === "champion") {
      await state.change(({ alarm }) => {
        // A challenger with little post-drift data does not resolve the drift: more labels lead to a better challenger.
        const isAnswered = alarm === null || challenger.learntTo - alarm.day >= LEARNT_DAYS_MIN;
        return { challenger: null, promotedDay: today, ...(isAnswered ? { alarm: null } : {}) };
      });
    } else if (stage === "rolled-back") {
      // The drift remains unresolved, because the next labels may lead to a better model.
      await state.change(() => ({ challenger: null }));
    } else {
      await state.change(() => ({ challenger: { ...challenger, stage } }));
      return;
    }
    this.#ends.inc({ result: stage });
  }

  /** The rollout of that version, which is started if necessary; undefined while it cannot start. */
  async #rolloutOf({ version, why, stage }: { version: string; why: string; stage: string | null }) {
    const { rollouts, model, plan, state, logger } = this.#options;
    const newest = await this.#newest();
    // This process may have started this rollout just before it was killed.
    if (newest?.candidate === version && (stage !== null || isOpen(newest))) return newest;
    if (newest !== undefined && isOpen(newest)) {
      logger.info({ version }, `another version, ${newest.candidate}, is being rolled out; this one will follow`);
      return undefined;
    }
    try {
      const text = why.slice(0, WHY_CHARACTERS_MAX);
      return await rollouts.start({
        model,
        candidate: version,
        auto: true,
        ...plan,
        why: `retrained: ${text}`,
      });
    } catch (error) {
      if (!(error instanceof ControlRefusal && FINAL.includes(error.status))) throw error;
      logger.error({ version }, `the rollout was rejected: ${error.message}`);
      this.#ends.inc({ result: "refused" });
      await state.change(() => ({ challenger: null }));
      return undefined;
    }
  }

  async #newest(): Promise<ShownRollout | undefined> {
    try {
      return await this.#options.rollouts.status(this.#options.model);
    } catch (error) {
      if (error instanceof ControlRefusal && error.status === NOT_FOUND) return undefined;
      throw error;
    }
  }
}

const isOpen = ({ stage }: ShownRollout): boolean => stage === "shadow" || stage === "canary";
