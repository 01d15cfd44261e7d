import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { agreementSchema } from "@tripline/decision-engine/rollouts/agreement";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { noteAudit } from "../audit/note-audit.js";
import { offlineComparison } from "./offline-comparison.js";
import { percentOf, rolloutPlan } from "./rollout-plan.js";
import type { RolloutState } from "./rollout-state.js";

const stage = z.enum(["shadow", "canary", "champion", "rolled-back"]);
/** Prefix of the actions in the audit log. */
const ACTION_PREFIX = "rollout-";
/** Models score the payments of all tenants. */
const ALL_TENANTS = "";

const time = z.date().transform((date) => date.getTime());

const rolloutRow = z
  .object({
    rollout_id: z.string(),
    model_name: z.string(),
    stage,
    candidate_version: z.string(),
    champion_version: z.string(),
    canary_basis_points: z.number(),
    shadow_basis_points: z.number(),
    is_held: z.boolean(),
    plan: rolloutPlan,
    revision: z.number(),
    started_at: time,
    changed_at: time,
    changed_by: z.string(),
    why: z.string(),
    registry_pending: z.boolean(),
    agreement: agreementSchema.nullable(),
    offline: offlineComparison.nullable(),
  })
  .transform(
    (row): RolloutState => ({
      rolloutId: row.rollout_id,
      modelName: row.model_name,
      stage: row.stage,
      candidateVersion: row.candidate_version,
      championVersion: row.champion_version,
      canaryBasisPoints: row.canary_basis_points,
      shadowBasisPoints: row.shadow_basis_points,
      isHeld: row.is_held,
      plan: row.plan,
      revision: row.revision,
      startedAtMs: row.started_at,
      changedAtMs: row.changed_at,
      changedBy: row.changed_by,
      why: row.why,
      isRegistryPending: row.registry_pending,
      agreement: row.agreement ?? undefined,
      offline: row.offline ?? undefined,
    }),
  );

const share = z.object({ mean: z.number(), count: z.number() });
const measuredChampion = z.object({
  outcomes: z.object({ cards: z.number(), shares: z.array(z.number()) }),
  missing: share,
  latency: z.object({ usualMs: z.number(), payments: z.number() }),
  /** Versions of the policies that decided. Decisions of other policies are not compared. */
  policyVersions: z.array(z.string()),
});
/** Figures of a champion before a promotion. */
export type MeasuredChampion = z.infer<typeof measuredChampion>;

const promotedRow = z
  .looseObject({ champion_measure: measuredChampion })
  .transform((row) => ({ state: rolloutRow.parse(row), before: row.champion_measure }));
/** A promotion that the guard watches. */
export type PromotedRollout = z.infer<typeof promotedRow>;

const stepDetails = z.object({
  revision: z.number(),
  stage,
  canary_percent: z.number(),
  why: z.string(),
});

const stepRow = z
  .object({ at: time, actor: z.string(), action: z.string(), details: stepDetails })
  .transform(({ at, actor, action, details }) => ({
    atMs: at,
    actor,
    step: action.slice(ACTION_PREFIX.length),
    ...details,
  }));

/** One step of a rollout, as it was recorded. */
export type RecordedStep = z.infer<typeof stepRow>;

const COLUMNS = Object.keys(rolloutRow.in.shape).join(", ");
const LISTED_MAX = 100;
/** At most this much of a gap between two checks is counted, because longer gaps are outages. */
const UNWATCHED_MS = 5_000;
const PUBLISHED_TOGETHER_MAX = 20;

/** Rollouts with their steps in Postgres. */
@Injectable()
export class RolloutStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** The newest rollouts first. */
  list(): Promise<RolloutState[]> {
    return this.database.query(
      rolloutRow,
      `SELECT ${COLUMNS} FROM control.rollouts ORDER BY started_at DESC LIMIT ${LISTED_MAX}`,
    );
  }

  open(): Promise<RolloutState[]> {
    return this.database.query(
      rolloutRow,
      `SELECT ${COLUMNS} FROM control.rollouts WHERE stage IN ('shadow', 'canary') ORDER BY model_name`,
    );
  }

  /** Each model's latest rollout, if it ended with a promotion within this time, with the figures from before the promotion. */
  promoted(withinMs: number): Promise<PromotedRollout[]> {
    return this.database.query(
      promotedRow,
      `SELECT ${COLUMNS}, champion_measure FROM control.rollouts r
       WHERE stage = 'champion' AND changed_at > now() - make_interval(secs => $1) AND champion_measure IS NOT NULL
         AND NOT EXISTS (SELECT FROM control.rollouts later WHERE later.model_name = r.model_name
           AND later.started_at > r.started_at)`,
      [withinMs / 1_000],
    );
  }

  /** Rollouts whose rollback is not in the registry yet, oldest first. */
  registryPending(): Promise<RolloutState[]> {
    return this.database.query(
      rolloutRow,
      `SELECT ${COLUMNS} FROM control.rollouts WHERE registry_pending ORDER BY changed_at LIMIT ${LISTED_MAX}`,
    );
  }

  async registryDone({ rolloutId, revision }: RolloutState): Promise<void> {
    await this.database.execute(
      "UPDATE control.rollouts SET registry_pending = false WHERE rollout_id = $1 AND revision = $2",
      [rolloutId, revision],
    );
  }

  /**
   * Adds to a step's monitoring time. Time is counted only once for concurrent instances, and not at all for gaps.
   *
   * @param measure figures of the champion; undefined keeps the previous ones
   * @returns the step's monitoring time in milliseconds; 0 if another step was made
   */
  async watched({ rolloutId, revision }: RolloutState, measure?: MeasuredChampion): Promise<number> {
    const [found] = await this.database.query(
      z.object({ watched_ms: z.coerce.number() }),
      `UPDATE control.rollouts SET watched_revision = revision, watched_at = clock_timestamp(),
         champion_measure = coalesce($3::jsonb, champion_measure),
         watched_ms = CASE WHEN watched_revision = revision AND watched_at IS NOT NULL THEN watched_ms
           + least(greatest(extract(epoch FROM clock_timestamp() - watched_at) * 1000, 0), $4)::bigint ELSE 0 END
       WHERE rollout_id = $1 AND revision = $2 RETURNING watched_ms`,
      [rolloutId, revision, measure === undefined ? null : JSON.stringify(measure), UNWATCHED_MS],
    );
    return found?.watched_ms ?? 0;
  }

  /** Whether the newest rollout promoted its candidate, but the version that was replaced is the champion again. */
  async isUndone(modelName: string, champion: string): Promise<boolean> {
    const [newest] = await this.database.query(
      z.object({ stage, champion_version: z.string() }),
      "SELECT stage, champion_version FROM control.rollouts WHERE model_name = $1 ORDER BY started_at DESC LIMIT 1",
      [modelName],
    );
    return newest?.stage === "champion" && newest.champion_version === champion;
  }

  /** @throws TriplineError `rollout-not-found` */
  newest(modelName: string): Promise<RolloutState> {
    return newestIn(this.database, modelName, "");
  }

  /** The steps of a rollout, oldest first. */
  steps(rolloutId: string): Promise<RecordedStep[]> {
    return this.database.query(
      stepRow,
      `SELECT at, actor, action, details FROM control.audit WHERE details ->> 'rollout' = $1 AND details ? 'rollout'
       ORDER BY id`,
      [rolloutId],
    );
  }

  /** @throws TriplineError `rollout-conflict` if the model has an open rollout */
  insert(state: RolloutState): Promise<void> {
    return this.database.transaction(async (transaction) => {
      const changed = await transaction.execute(
        `INSERT INTO control.rollouts (${COLUMNS}, published)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 0)
         ON CONFLICT (model_name) WHERE stage IN ('shadow', 'canary') DO NOTHING`,
        valuesOf(state),
      );
      if (changed === 0) {
        throw new TriplineError(
          "rollout-conflict",
          `A rollout of ${state.modelName} is in progress. Promote it or roll it back first.`,
        );
      }
      await record(transaction, state, "start");
    });
  }

  /**
   * Makes one step of a model's newest rollout. The second of two concurrent steps sees the result of the first.
   *
   * @param change computes the new state from the current one, in the same transaction
   * @throws TriplineError `rollout-not-found`, and errors of `change`
   */
  step(
    modelName: string,
    step: string,
    change: (found: RolloutState, transaction: Queries) => Promise<RolloutState>,
  ): Promise<RolloutState> {
    return this.database.transaction(async (transaction) => {
      const state = await change(await newestIn(transaction, modelName, "FOR UPDATE"), transaction);
      const columns = COLUMNS.split(", ").map((column, at) => `${column} = $${at + 1}`);
      await transaction.execute(
        `UPDATE control.rollouts SET ${columns.join(", ")} WHERE rollout_id = $1`,
        valuesOf(state),
      );
      await record(transaction, state, step);
      return state;
    });
  }

  /** Marks the newest rollout of each model for publication, because Kafka may have been replaced. */
  async publishAgain(): Promise<void> {
    await this.database.execute(
      `UPDATE control.rollouts SET published = 0 WHERE rollout_id IN
        (SELECT DISTINCT ON (model_name) rollout_id FROM control.rollouts ORDER BY model_name, started_at DESC)`,
      [],
    );
  }

  /**
   * Passes unpublished rollouts to `publish`, each to one instance at a time, so that an older state never follows a
   * newer one. The topic is keyed by model, so a rollout waits until earlier ones are published.
   */
  publishPending(publish: (states: readonly RolloutState[]) => Promise<void>): Promise<void> {
    return this.database.transaction(async (transaction) => {
      const pending = await transaction.query(
        rolloutRow,
        `SELECT ${COLUMNS} FROM control.rollouts r WHERE published < revision
           AND NOT EXISTS (SELECT FROM control.rollouts older WHERE older.model_name = r.model_name
             AND older.started_at < r.started_at AND older.published < older.revision)
         ORDER BY started_at LIMIT ${PUBLISHED_TOGETHER_MAX} FOR UPDATE SKIP LOCKED`,
      );
      if (pending.length === 0) return;
      await publish(pending);
      for (const { rolloutId, revision } of pending) {
        await transaction.execute("UPDATE control.rollouts SET published = $2 WHERE rollout_id = $1", [
          rolloutId,
          revision,
        ]);
      }
    });
  }
}

async function newestIn(queries: Queries, modelName: string, lock: "" | "FOR UPDATE"): Promise<RolloutState> {
  const [found] = await queries.query(
    rolloutRow,
    `SELECT ${COLUMNS} FROM control.rollouts WHERE model_name = $1 ORDER BY started_at DESC LIMIT 1 ${lock}`,
    [modelName],
  );
  if (found !== undefined) return found;
  throw new TriplineError("rollout-not-found", `No version of ${modelName} has been rolled out.`);
}

/** In the order of `COLUMNS`. */
function valuesOf(state: RolloutState): unknown[] {
  const { plan, startedAtMs, changedAtMs } = state;
  return [
    ...[state.rolloutId, state.modelName, state.stage, state.candidateVersion, state.championVersion],
    ...[state.canaryBasisPoints, state.shadowBasisPoints, state.isHeld, JSON.stringify(plan), state.revision],
    ...[new Date(startedAtMs), new Date(changedAtMs), state.changedBy, state.why],
    state.isRegistryPending,
    ...[state.agreement, state.offline].map((value) => (value === undefined ? null : JSON.stringify(value))),
  ];
}

function record(transaction: Queries, state: RolloutState, step: string): Promise<void> {
  const { rolloutId, modelName, candidateVersion, revision, stage: now, canaryBasisPoints, why, changedBy } = state;
  const details = {
    rollout: rolloutId,
    model: modelName,
    candidate: candidateVersion,
    revision,
    stage: now,
    why,
    canary_percent: percentOf(canaryBasisPoints),
    ...(step === "start" ? { is_compared: state.offline !== undefined } : {}),
  };
  const by = { tenant: ALL_TENANTS, actor: changedBy, actorKind: state.changedByKind ?? "client" };
  return noteAudit(transaction, by, `${ACTION_PREFIX}${step}`, details, { kind: "model", id: modelName });
}
