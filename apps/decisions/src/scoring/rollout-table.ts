import type { OnApplicationShutdown, OnModuleInit } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { Rollout, RolloutStage } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import { BASIS_POINTS } from "@tripline/decision-engine/assign-card";
import type { FollowedTable, Kafka, TableChange } from "@tripline/kafka/port";
import type { Readiness } from "@tripline/nest-kit/readiness";
import type { Logger } from "@tripline/service-kit/telemetry/logger";

const GROUP = "decisions-rollouts";

/**
 * The rollout of the model as the topic `rollouts` last told it. Nobody is asked for it: while the one who writes it is
 * down, the rollout stays where it is.
 */
export class RolloutTable implements OnModuleInit, OnApplicationShutdown {
  #current: Rollout | undefined;
  #followed: FollowedTable | undefined;

  constructor(
    private readonly kafka: Kafka,
    private readonly modelName: string,
    private readonly logger: Logger,
    readiness: Readiness,
  ) {
    readiness.add("rollouts", () => {
      if (this.#followed?.isHealthy() === true) return;
      throw new TriplineError("kafka-unavailable", "The table of rollouts is not followed.");
    });
  }

  /** Waits until what stood there when this instance started is known, so that a card stays with its model. */
  async ofRound(): Promise<Rollout | undefined> {
    await this.#followed?.ready;
    return this.#current;
  }

  async onModuleInit(): Promise<void> {
    this.#followed = await this.kafka.follow({
      topic: TABLES.rollouts.name,
      group: GROUP,
      apply: (changes) => this.#apply(changes),
      onStop: (error) => this.logger.fatal({ code: error.code }, `rollouts are followed no more: ${error.message}`),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#followed?.close();
  }

  /** @throws TriplineError `message-unreadable`; the rollout stays as it was */
  #apply(changes: readonly TableChange[]): void {
    for (const { key, value } of changes) {
      if (key !== this.modelName) continue;
      this.#current = value === undefined ? undefined : parseRollout(value);
      const { candidateVersion, canaryBasisPoints, shadowBasisPoints, revision } = this.#current ?? {};
      const stage = this.#current === undefined ? "none" : RolloutStage[this.#current.stage]?.toLowerCase();
      this.logger.info({ stage, candidateVersion, canaryBasisPoints, shadowBasisPoints, revision }, "rollout");
    }
  }
}

function parseRollout(value: Buffer): Rollout {
  const rollout = decode(value);
  const shares = [rollout.canaryBasisPoints, rollout.shadowBasisPoints];
  const isUsable = shares.every((share) => share >= 0 && share <= BASIS_POINTS) && rollout.candidateVersion !== "";
  if (isUsable) return rollout;
  throw new TriplineError("message-unreadable", "The rollout names no candidate, or a share that is none.");
}

function decode(value: Buffer): Rollout {
  try {
    return Rollout.decode(value);
  } catch (cause) {
    throw new TriplineError("message-unreadable", "The rollout is not protobuf of that message.", [], { cause });
  }
}
