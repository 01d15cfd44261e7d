import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { Rollout, RolloutStage } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import { BASIS_POINTS } from "@tripline/decision-engine/assign-card";
import type { TableChange } from "@tripline/kafka/port";
import { TableFollower, TableFollowerContext } from "@tripline/nest-kit/kafka/table-follower";
import type { DecisionsConfig } from "../config.js";
import { DECISIONS_CONFIG } from "../config.js";

/** The model's rollout from the `rollouts` topic. While the control plane is down, the rollout does not change. */
@Injectable()
export class RolloutTable extends TableFollower {
  #current: Rollout | undefined;

  constructor(
    @Inject(DECISIONS_CONFIG) private readonly config: Pick<DecisionsConfig, "MODEL_NAME">,
    @Inject(TableFollowerContext) context: TableFollowerContext,
  ) {
    super("decisions", TABLES.rollouts.name, context);
  }

  /** Waits until the rollout at startup is known, so that a card keeps its model. */
  async ofRound(): Promise<Rollout | undefined> {
    await this.ready();
    return this.#current;
  }

  /** @throws TriplineError `message-unreadable`; the rollout does not change in that case */
  protected override apply(changes: readonly TableChange[]): void {
    for (const { key, value } of changes) {
      if (key !== this.config.MODEL_NAME) continue;
      this.#current = value === undefined ? undefined : parseRollout(value);
      const { candidateVersion, canaryBasisPoints, shadowBasisPoints, revision } = this.#current ?? {};
      const stage = this.#current === undefined ? "none" : RolloutStage[this.#current.stage]?.toLowerCase();
      this.context.logger.info({ stage, candidateVersion, canaryBasisPoints, shadowBasisPoints, revision }, "rollout");
    }
  }
}

function parseRollout(value: Buffer): Rollout {
  const rollout = decode(value);
  const shares = [rollout.canaryBasisPoints, rollout.shadowBasisPoints];
  const isUsable = shares.every((share) => share >= 0 && share <= BASIS_POINTS) && rollout.candidateVersion !== "";
  if (isUsable) return rollout;
  throw new TriplineError(
    "message-unreadable",
    "The rollout has no candidate, or its share is not between 0 and 100 %.",
  );
}

function decode(value: Buffer): Rollout {
  try {
    return Rollout.decode(value);
  } catch (cause) {
    throw new TriplineError("message-unreadable", "The rollout is not a valid protobuf message.", [], {
      cause,
    });
  }
}
