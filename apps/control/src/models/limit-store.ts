import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Managed } from "../requests/managed-tenant.js";
import { principalOf } from "../requests/managed-tenant.js";
import { noteModel } from "./note-model.js";
import type { LimitsRequest, ModelPast, PromotionLimits } from "./promotion-limits.js";
import { limitsRow, PROMOTION_DAYS } from "./promotion-limits.js";

const COLUMNS = Object.keys(limitsRow.in.shape).join(", ");

const pastRow = z
  .object({ promotions: z.coerce.number(), was_rolled_back: z.boolean() })
  .transform((row): ModelPast => ({ promotions: row.promotions, wasRolledBack: row.was_rolled_back }));
const NO_PAST: ModelPast = { promotions: 0, wasRolledBack: false };

const STEPS_OF_MODEL = `control.rollouts r
  JOIN control.audit a ON a.details ->> 'rollout' = r.rollout_id AND a.details ? 'rollout' WHERE r.model_name = $1`;

/** SQL: whether this step gave a candidate more than 5 % of the cards, and its rollout was rolled back after `time`. */
const rolledBackSince = (time: string) => `(r.stage = 'rolled-back' AND r.changed_at > ${time}
  AND (a.details ->> 'stage' = 'champion' OR (a.details ->> 'canary_percent')::numeric > 5))`;

/**
 * Limits for automatic promotion. Once a model has limits, a version gets more than 5 % of the cards only within these
 * limits or with a signed model card.
 */
@Injectable()
export class LimitStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  of(model: string): Promise<PromotionLimits | undefined> {
    return limitsIn(this.database, model, "");
  }

  /** A model's recent promotions, and whether a version was rolled back since the limits were set. */
  async pastOf(model: string, { setAtMs }: PromotionLimits): Promise<ModelPast> {
    const [found] = await this.database.query(
      pastRow,
      `SELECT count(DISTINCT r.rollout_id) FILTER (WHERE a.details ->> 'stage' = 'champion'
           AND a.at > now() - make_interval(days => ${PROMOTION_DAYS})) AS promotions,
         coalesce(bool_or(${rolledBackSince("$2")}), false) AS was_rolled_back
       FROM ${STEPS_OF_MODEL}`,
      [model, new Date(setAtMs)],
    );
    return found ?? NO_PAST;
  }

  /**
   * Sets or replaces a model's limits, which removes the signature. Setting the same limits again has no effect, unless
   * they were signed or a rollback has ended them.
   */
  set(model: string, { expires_at: expiresAt, ...limits }: LimitsRequest, by: Managed): Promise<void> {
    const user = principalOf(by);
    return this.database.transaction(async (transaction) => {
      const changed = await transaction.execute(
        `INSERT INTO control.promotion_limits AS known (model_name, limits, expires_at, set_by, set_at)
         VALUES ($1, $2, $3, $4, now())
         ON CONFLICT (model_name) DO UPDATE SET limits = excluded.limits, expires_at = excluded.expires_at,
           set_by = excluded.set_by, set_at = now(), signed_by = NULL, signed_at = NULL
         WHERE known.signed_by IS NOT NULL OR (known.limits, known.expires_at, known.set_by)
           IS DISTINCT FROM (excluded.limits, excluded.expires_at, excluded.set_by)
           OR EXISTS (SELECT FROM ${STEPS_OF_MODEL} AND ${rolledBackSince("known.set_at")})`,
        [model, JSON.stringify(limits), expiresAt, user],
      );
      if (changed === 0) return;
      await noteModel(transaction, by, "promotion-limits-set", { model, ...limits, expires_at: expiresAt });
    });
  }

  /**
   * Signs a model's limits. Signing them again has no effect.
   *
   * @param setAt the time at which the limits that the user read were set
   * @throws TriplineError `not-found` if the model has no limits, `changed-meanwhile` if the user read other limits or
   *   another user has signed these, `approval-missing` if this user set the limits or they have expired
   */
  sign(model: string, setAt: Date, by: Managed): Promise<void> {
    const user = principalOf(by);
    return this.database.transaction(async (transaction) => {
      const found = await existingIn(transaction, model);
      if (found.setAtMs !== setAt.getTime()) {
        const at = new Date(found.setAtMs).toISOString();
        const detail = `${found.setBy} set the limits of ${model} again at ${at}. Read them before you sign them.`;
        throw new TriplineError("changed-meanwhile", detail);
      }
      if (found.signedBy === user) return;
      if (found.signedBy !== null) {
        throw new TriplineError("changed-meanwhile", `${found.signedBy} has already signed the limits of ${model}.`);
      }
      if (found.setBy === user) {
        throw new TriplineError("approval-missing", "You set these limits, so another user must sign them.");
      }
      if (found.expiresAtMs <= Date.now()) {
        const at = new Date(found.expiresAtMs).toISOString();
        throw new TriplineError("approval-missing", `The limits expired on ${at}. Set them again.`);
      }
      await transaction.execute(
        "UPDATE control.promotion_limits SET signed_by = $2, signed_at = now() WHERE model_name = $1",
        [model, user],
      );
      const { limits, expiresAtMs } = found;
      const details = { model, ...limits, expires_at: new Date(expiresAtMs), set_by: found.setBy };
      await noteModel(transaction, by, "promotion-limits-signed", details);
    });
  }

  /** Withdraws the signature, so that no version is promoted automatically. @throws TriplineError `not-found` */
  withdraw(model: string, by: Managed): Promise<void> {
    return this.database.transaction(async (transaction) => {
      const { signedBy } = await existingIn(transaction, model);
      if (signedBy === null) return;
      await transaction.execute(
        "UPDATE control.promotion_limits SET signed_by = NULL, signed_at = NULL WHERE model_name = $1",
        [model],
      );
      await noteModel(transaction, by, "promotion-limits-withdrawn", { model, signed_by: signedBy });
    });
  }
}

async function existingIn(transaction: Queries, model: string): Promise<PromotionLimits> {
  const found = await limitsIn(transaction, model, "FOR UPDATE");
  if (found === undefined) throw new TriplineError("not-found", `${model} has no limits for automatic promotion.`);
  return found;
}

async function limitsIn(
  queries: Queries,
  model: string,
  lock: "" | "FOR UPDATE",
): Promise<PromotionLimits | undefined> {
  const [found] = await queries.query(
    limitsRow,
    `SELECT ${COLUMNS} FROM control.promotion_limits WHERE model_name = $1 ${lock}`,
    [model],
  );
  return found;
}
