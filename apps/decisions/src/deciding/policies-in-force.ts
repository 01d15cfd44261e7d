import type { OnApplicationShutdown, OnModuleInit } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { TABLES } from "@tripline/contracts/topics";
import type { Policy } from "@tripline/decision-engine/policy";
import type { FollowedTable, Kafka } from "@tripline/kafka/port";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import type { DecisionMetrics } from "../decision-metrics.js";
import type { DecisionFiles } from "./decision-files.js";
import { PolicyTable } from "./policy-table.js";

/** The policy of a tenant. */
export type PolicyOf = (tenant: string) => Policy;

const GROUP = "decisions-policies";

/**
 * Which policy holds for a tenant: the one that the control plane activated for it, or else for all tenants, or else that of
 * the file. Follows both.
 */
export class PoliciesInForce implements OnModuleInit, OnApplicationShutdown {
  readonly #table: PolicyTable;
  #followed: FollowedTable | undefined;

  constructor(
    private readonly files: Pick<DecisionFiles, "policy">,
    private readonly kafka: Kafka,
    private readonly logger: Logger,
    metrics: DecisionMetrics,
  ) {
    this.#table = new PolicyTable({
      spec: currentFeatureSpec(),
      onActivation({ tenant, activation, revision, author, activatesAtMs }) {
        metrics.policyReloaded(true, "control");
        const activates_at = new Date(activatesAtMs).toISOString();
        logger.info({ tenant, activation, revision, author, activates_at }, "policy activation received");
      },
      onRefused({ tenant, activation, revision }, faults) {
        metrics.policyReloaded(false, "control");
        logger.error({ code: "policy-invalid", tenant, activation, revision, faults }, "policy revision refused");
      },
    });
  }

  async onModuleInit(): Promise<void> {
    this.#followed = await this.kafka.follow({
      topic: TABLES.policies.name,
      group: GROUP,
      apply: (changes) => this.#table.apply(changes),
      onStop: ({ code, message }) => this.logger.fatal({ code }, `policies are followed no more: ${message}`),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#followed?.close();
  }

  /**
   * The policies of one round, which sees no change: whatever happens meanwhile, each tenant has one policy. Waits until
   * what was active when this instance started is known.
   */
  async ofRound(): Promise<PolicyOf> {
    await this.#followed?.ready;
    const [nowMs, file] = [Date.now(), this.files.policy];
    const found = new Map<string, Policy>();
    return (tenant) => {
      const known = found.get(tenant);
      if (known !== undefined) return known;
      const policy = this.#table.policyOf(tenant, nowMs) ?? file;
      found.set(tenant, policy);
      return policy;
    };
  }

  /** For readiness. @throws TriplineError `kafka-unavailable` while changes would not arrive */
  check(): void {
    if (this.#followed?.isHealthy() === true) return;
    throw new TriplineError("kafka-unavailable", "The table of policies is not followed.");
  }
}
