import type { OnApplicationShutdown, OnModuleInit } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";
import type { Policy } from "@tripline/decision-engine/policy";
import type { Scorecard } from "@tripline/decision-engine/scorecard";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import type { DecisionsConfig } from "../config.js";
import type { DecisionMetrics } from "../decision-metrics.js";
import type { FileWatch } from "./watch-file.js";
import { watchFile } from "./watch-file.js";
import type { PolicyWatch } from "./watch-policy.js";
import { watchPolicy } from "./watch-policy.js";

/** The policy and the scorecard in force, kept up with their files. */
export class DecisionFiles implements OnModuleInit, OnApplicationShutdown {
  #policies: PolicyWatch | undefined;
  #scorecards: FileWatch<Scorecard> | undefined;

  constructor(
    private readonly config: Pick<DecisionsConfig, "POLICY_FILE" | "SCORECARD_FILE">,
    private readonly logger: Logger,
    private readonly metrics: DecisionMetrics,
  ) {}

  get policy(): Policy {
    if (this.#policies === undefined) throw new TriplineError("internal", "The policy has not been read yet.");
    return this.#policies.current;
  }

  /** Undefined where none is configured. */
  get scorecard(): Scorecard | undefined {
    return this.#scorecards?.current;
  }

  /** @throws TriplineError `policy-invalid`, `scorecard-invalid`; `config-invalid` for a file that cannot be read */
  async onModuleInit(): Promise<void> {
    const { POLICY_FILE: policyFile, SCORECARD_FILE: scorecardFile } = this.config;
    this.#policies = await this.#followPolicy(policyFile);
    if (scorecardFile !== undefined) this.#scorecards = await this.#followScorecard(scorecardFile);
  }

  onApplicationShutdown(): void {
    this.#policies?.close();
    this.#scorecards?.close();
  }

  #followPolicy(file: string): Promise<PolicyWatch> {
    const { logger, metrics } = this;
    return watchPolicy({
      file,
      spec: currentFeatureSpec(),
      onReload(policy) {
        metrics.policyReloaded(true);
        logger.info({ policy_version: policy.version }, "new policy in force");
      },
      onRefused(error) {
        metrics.policyReloaded(false);
        logger.error({ code: error.code, faults: error.message.split("\n") }, "policy file refused");
      },
    });
  }

  #followScorecard(file: string): Promise<FileWatch<Scorecard>> {
    const { logger, metrics } = this;
    return watchFile({
      file,
      what: "scorecard",
      parse: (text, name) => parseScorecard(text, currentFeatureSpec(), name),
      onReload({ version }) {
        metrics.scorecardReloaded(true);
        logger.info({ scorecard_version: version }, "new scorecard in force");
      },
      onRefused(error) {
        metrics.scorecardReloaded(false);
        logger.error({ code: error.code, faults: error.message.split("\n") }, "scorecard file refused");
      },
    });
  }
}
