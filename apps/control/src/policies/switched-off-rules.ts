import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { noteAudit } from "../audit/note-audit.js";
import { GUARD } from "../rollouts/rollout-state.js";
import { isInForce } from "./policy-rows.js";
import { lockPolicies } from "./read-policy.js";

/** A rule that returned no result for this many payments is switched off. */
export const FAILURES_MAX = 3;

/** A payment for which a rule had no result. */
export interface RuleFailure {
  /** The payment's tenant. The policy may be the one for all tenants. */
  readonly tenant: string;
  readonly revision: number;
  readonly version: string;
  readonly ruleId: string;
  readonly why: string;
  readonly transactionId: string;
}

const switchedOffRow = z.object({ rule_id: z.string(), why: z.string(), switched_off_at: z.date() });

/** Stores the rules that failed too often, and the payments for which they failed, in Postgres. */
@Injectable()
export class SwitchedOffRules {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /**
   * Counts a payment once, however often it is reported, and switches the rule off at the limit. Only the active
   * revision counts, because other revisions decide payments only on an instance that lags behind.
   *
   * @returns whether the rule was switched off now
   */
  async add({ tenant, revision, version, ruleId, why, transactionId }: RuleFailure): Promise<boolean> {
    return this.database.transaction(async (transaction) => {
      const owner = await ownerOf(transaction, tenant, revision, version);
      if (owner === undefined) return false;
      await lockPolicies(transaction, owner);
      const rule = [owner, revision, ruleId];
      if (await isSwitchedOff(transaction, rule)) return false;
      await transaction.execute(
        `INSERT INTO control.policy_rule_failures (tenant, revision, rule_id, transaction_id, why, noted_at)
         VALUES ($1, $2, $3, $4, $5, now()) ON CONFLICT DO NOTHING`,
        [...rule, transactionId, why],
      );
      const failures = await transaction.query(
        z.object({ transaction_id: z.string() }),
        `SELECT transaction_id FROM control.policy_rule_failures
         WHERE tenant = $1 AND revision = $2 AND rule_id = $3 ORDER BY noted_at, transaction_id`,
        rule,
      );
      if (failures.length < FAILURES_MAX) return false;
      await switchOff(transaction, { owner, revision, ruleId, why });
      const payments = failures.map(({ transaction_id: id }) => id);
      await noteAudit(
        transaction,
        { tenant: owner, actor: GUARD, actorKind: "service" },
        "policy-rule-switched-off",
        { revision, rule: ruleId, why, payments },
        { kind: "policy-revision", id: String(revision) },
      );
      return true;
    });
  }

  /** Rules of a revision, in the order in which they were switched off. */
  ofRevision(tenant: string, revision: number) {
    return this.database.query(
      switchedOffRow,
      `SELECT rule_id, why, switched_off_at FROM control.switched_off_rules WHERE tenant = $1 AND revision = $2
       ORDER BY switched_off_at, rule_id`,
      [tenant, revision],
    );
  }

  /** Number of switched-off rules in active revisions. */
  async countInForce(): Promise<number> {
    const [found] = await this.database.query(
      z.object({ count: z.coerce.number() }),
      `SELECT count(*) FROM control.switched_off_rules o JOIN control.policy_activations a USING (tenant, revision)
       WHERE ${isInForce("a")}`,
      [],
    );
    return found?.count ?? 0;
  }
}

/** The policy that decided: the tenant's own if the revision belongs to it, otherwise the policy for all tenants. */
async function ownerOf(
  queries: Queries,
  tenant: string,
  revision: number,
  version: string,
): Promise<string | undefined> {
  const [found] = await queries.query(
    z.object({ tenant: z.string() }),
    `SELECT a.tenant FROM control.policy_activations a JOIN control.policy_revisions r USING (tenant, revision)
     WHERE a.tenant IN ($1, '') AND a.revision = $2 AND r.version = $3 AND ${isInForce("a")}
     ORDER BY a.tenant DESC LIMIT 1`,
    [tenant, revision, version],
  );
  return found?.tenant;
}

async function isSwitchedOff(queries: Queries, rule: readonly (string | number)[]): Promise<boolean> {
  const found = await queries.query(
    z.object({ rule_id: z.string() }),
    "SELECT rule_id FROM control.switched_off_rules WHERE tenant = $1 AND revision = $2 AND rule_id = $3",
    [...rule],
  );
  return found.length > 0;
}

async function switchOff(
  transaction: Queries,
  { owner, revision, ruleId, why }: { owner: string; revision: number; ruleId: string; why: string },
): Promise<void> {
  await transaction.execute(
    `INSERT INTO control.switched_off_rules (tenant, revision, rule_id, why, switched_off_at)
     VALUES ($1, $2, $3, $4, now())`,
    [owner, revision, ruleId, why],
  );
  await transaction.execute(
    `UPDATE control.policy_activations SET published_at = NULL
     WHERE tenant = $1 AND revision = $2 AND withdrawn_at IS NULL`,
    [owner, revision],
  );
}
