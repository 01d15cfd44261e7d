import { Inject, Injectable } from "@nestjs/common";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { TABLES } from "@tripline/contracts/topics";
import type { Policy } from "@tripline/decision-engine/policy";
import { unreadFeatures } from "@tripline/decision-engine/unread-features";
import type { TableChange } from "@tripline/kafka/port";
import { TableFollower, TableFollowerContext } from "@tripline/nest-kit/kafka/table-follower";
import type { DecisionsConfig } from "../config.js";
import { DECISIONS_CONFIG } from "../config.js";
import { DecisionMetrics } from "../decision-metrics.js";
import { COSTLY_RULES, DecisionFiles } from "./decision-files.js";
import { PolicyTable } from "./policy-table.js";

/** Provides the active policy of each tenant. */
export type PolicyOf = (tenant: string) => Policy;

/**
 * Finds the policy of a tenant: the policy that the control plane activated for it, otherwise the policy for all
 * tenants, otherwise the policy in the file. Follows changes of all of these.
 */
@Injectable()
export class PoliciesInForce extends TableFollower {
  readonly #table: PolicyTable;

  constructor(
    @Inject(DecisionFiles) private readonly files: Pick<DecisionFiles, "policy">,
    @Inject(DecisionMetrics) metrics: DecisionMetrics,
    @Inject(TableFollowerContext) context: TableFollowerContext,
    @Inject(DECISIONS_CONFIG) config: Pick<DecisionsConfig, "FEAST_PROFILES">,
  ) {
    super("decisions", TABLES.policies.name, context);
    const { logger } = context;
    const spec = currentFeatureSpec();
    this.#table = new PolicyTable({
      spec,
      unread: unreadFeatures(spec, config.FEAST_PROFILES),
      onActivation({ tenant, activation, revision, author, activatesAtMs }, faults) {
        metrics.policyReloaded(true, "control");
        const activates_at = new Date(activatesAtMs).toISOString();
        logger.info({ tenant, activation, revision, author, activates_at }, "policy activation received");
        if (faults.length > 0) logger.warn({ tenant, activation, revision, faults }, COSTLY_RULES);
      },
      onSwitchedOff({ tenant, activation, revision, switchedOffRules: rules }) {
        logger.warn({ tenant, activation, revision, rules }, "rules that failed were switched off");
      },
      onRefused({ tenant, activation, revision }, faults) {
        metrics.policyReloaded(false, "control");
        logger.error({ code: "policy-invalid", tenant, activation, revision, faults }, "policy revision rejected");
      },
    });
  }

  protected override apply(changes: readonly TableChange[]): void {
    this.#table.apply(changes);
  }

  /**
   * An immutable snapshot of the policies for one round. Waits until the policies that were active at startup are
   * loaded.
   */
  async ofRound(): Promise<PolicyOf> {
    await this.ready();
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
}
