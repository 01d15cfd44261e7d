import type { OnApplicationShutdown, OnModuleInit } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Policy } from "@tripline/decision-engine/policy";
import { unreadFeatures } from "@tripline/decision-engine/unread-features";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import type { DecisionsConfig } from "../config.js";
import { DECISIONS_CONFIG } from "../config.js";
import { DecisionMetrics } from "../decision-metrics.js";
import type { PolicyWatch } from "./watch-policy.js";
import { watchPolicy } from "./watch-policy.js";

export const COSTLY_RULES =
  "rules of the policy may exceed the step limit, and are skipped for payments for which they do";

/** The current policy from the file, which is watched for changes. */
@Injectable()
export class DecisionFiles implements OnModuleInit, OnApplicationShutdown {
  #policies: PolicyWatch | undefined;

  constructor(
    @Inject(DECISIONS_CONFIG) private readonly config: Pick<DecisionsConfig, "POLICY_FILE" | "FEAST_PROFILES">,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DecisionMetrics) private readonly metrics: DecisionMetrics,
  ) {}

  get policy(): Policy {
    if (this.#policies === undefined) throw new TriplineError("internal", "The policy has not been read yet.");
    return this.#policies.current;
  }

  /** @throws TriplineError `policy-invalid`; `config-invalid` for a file that cannot be read */
  async onModuleInit(): Promise<void> {
    this.#policies = await this.#followPolicy(this.config.POLICY_FILE);
    this.#warnOfCosts(this.#policies.current);
  }

  onApplicationShutdown(): void {
    this.#policies?.close();
  }

  #warnOfCosts({ version, costFaults: faults }: Policy): void {
    if (faults.length > 0) this.logger.warn({ policy_version: version, faults }, COSTLY_RULES);
  }

  #followPolicy(file: string): Promise<PolicyWatch> {
    const { logger, metrics } = this;
    const spec = currentFeatureSpec();
    return watchPolicy({
      file,
      spec,
      unread: unreadFeatures(spec, this.config.FEAST_PROFILES),
      onReload: (policy) => {
        metrics.policyReloaded(true, "file");
        logger.info({ policy_version: policy.version }, "new policy active");
        this.#warnOfCosts(policy);
      },
      onRefused(error) {
        metrics.policyReloaded(false, "file");
        logger.error({ code: error.code, faults: error.message.split("\n") }, "policy file rejected");
      },
    });
  }
}
