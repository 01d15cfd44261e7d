import { createHash } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import type { Decision, Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { BASIS_POINTS, placeOf } from "@tripline/decision-engine/assign-card";
import type { LabelledAlert } from "@tripline/decision-engine/rollouts/judge-precision";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { LABEL_DAYS } from "./rollout-plan.js";
import type { RolloutState } from "./rollout-state.js";

/** Maximum number of alerts waiting to be stored. Further alerts of either arm are dropped. */
const WAITING_MAX = 10_000;
/** Maximum number of labels waiting to be stored, about 20 MB. An instance reads many labels when it starts. */
const LABELS_WAITING_MAX = 100_000;
/** Maximum number of stored alerts per rollout and arm. Each concurrent instance can exceed it by `WAITING_MAX`. */
const ALERTS_MAX = 20_000;
/** Number of rows per statement: few enough that the statement ends long before its timeout. */
const ROWS_TOGETHER = 1_000;
/** The champion's alerts are stored for up to this many times the candidate's share of cards. More would not help. */
const CHAMPION_SHARE_MAX = 4;
const HASH_BYTES = 16;
/** Interval between searches for alerts that have become mature. */
const MATURING_MS = 10_000;
/**
 * If at most this share of the labelled alerts is genuine, genuine payments evidently get labels only in exceptional
 * cases. A mature alert without a report then counts as genuine, unless it was declined.
 */
const GENUINE_EXCEPTIONS = 0.05;

interface NewAlert {
  readonly rolloutId: string;
  readonly card: Buffer;
  readonly payment: Buffer;
  readonly isCandidate: boolean;
  readonly isDeclined: boolean;
  readonly decidedAtMs: number;
}

/** Verdicts on the alerts of a rollout. */
export interface Verdicts {
  /** Ordered by the time of the verdict. */
  readonly alerts: readonly LabelledAlert[];
  /** Verdicts on the candidate's alerts that are old enough for all of their labels. */
  readonly matureLabels: number;
}

const settledRow = z
  .object({ is_candidate: z.boolean(), is_fraud: z.boolean() })
  .transform((row): LabelledAlert => ({ isCandidate: row.is_candidate, isFraud: row.is_fraud }));

/** Stores alerts of open rollouts and their verdicts. Every instance adds all alerts, but each is stored only once. */
@Injectable()
export class AlertStore {
  #alerts: NewAlert[] = [];
  #labels = new Map<string, boolean>();
  /** Whether labels were dropped. */
  #hasGap = false;
  #maturedAtMs = 0;
  /** Cached verdicts by rollout. They are read again after a change, or after `MATURING_MS`. */
  readonly #verdicts = new Map<string, Verdicts>();

  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Adds an alert of a canary: a payment that was decided by the score of one of the models and not approved. */
  add(state: RolloutState, decision: Decision): void {
    const { rolloutId, canaryBasisPoints: points, candidateVersion } = state;
    const { outcome, cardToken, decidedAtMs } = decision;
    if (state.stage !== "canary" || outcome <= Outcome.APPROVE || this.#alerts.length >= WAITING_MAX) return;
    const { trial } = decision;
    if (trial?.candidateVersion !== candidateVersion || !hasOwnScore(decision)) return;
    const isCandidate = trial.trialRole === TrialRole.CANARY;
    const place = placeOf(cardToken, rolloutId);
    if (!isCandidate && BASIS_POINTS - place > CHAMPION_SHARE_MAX * points) return;
    this.#alerts.push({
      ...{ rolloutId, isCandidate, decidedAtMs, isDeclined: outcome === Outcome.DECLINE },
      card: hashOf(rolloutId, cardToken),
      payment: paymentOf(decision),
    });
  }

  label(label: Label): void {
    if (this.#labels.size < LABELS_WAITING_MAX) this.#labels.set(paymentOf(label).toString("hex"), label.fraud);
    else this.#hasGap = true;
  }

  /** Stores new alerts and labels, gives verdicts on mature alerts, and deletes the alerts of finished rollouts. */
  async store(open: readonly RolloutState[], nowMs: number): Promise<void> {
    const [alerts, labels, hasGap] = [this.#alerts, this.#labels, this.#hasGap];
    [this.#alerts, this.#labels, this.#hasGap] = [[], new Map(), false];
    try {
      await this.#insert(alerts.filter(({ rolloutId }) => open.some((state) => state.rolloutId === rolloutId)));
      if (labels.size > 0) {
        await this.#settle(labels);
        this.#verdicts.clear();
      }
      if (hasGap) await this.#distrustSilence(open);
    } catch (error) {
      // Keeps the rows for the next call, which retries.
      this.#alerts = [...alerts, ...this.#alerts].slice(0, WAITING_MAX);
      const all = [...labels, ...this.#labels];
      this.#labels = new Map(all.slice(0, LABELS_WAITING_MAX));
      this.#hasGap ||= hasGap || all.length > LABELS_WAITING_MAX;
      throw error;
    }
    if (nowMs - this.#maturedAtMs < MATURING_MS) return;
    this.#maturedAtMs = nowMs;
    this.#verdicts.clear();
    for (const state of open) await this.#mature(state);
    await this.database.execute(
      `DELETE FROM control.rollout_alerts WHERE rollout_id IN
        (SELECT rollout_id FROM control.rollouts WHERE stage NOT IN ('shadow', 'canary'))`,
      [],
    );
  }

  async verdictsOf(state: RolloutState): Promise<Verdicts> {
    const known = this.#verdicts.get(state.rolloutId);
    if (known !== undefined) return known;
    const alerts = await this.database.query(
      settledRow,
      `SELECT is_candidate, is_fraud FROM control.rollout_alerts
       WHERE rollout_id = $1 AND settled_at IS NOT NULL ORDER BY settled_at, payment`,
      [state.rolloutId],
    );
    const verdicts = { alerts, matureLabels: await this.matureLabels(state) };
    this.#verdicts.set(state.rolloutId, verdicts);
    return verdicts;
  }

  async matureLabels(state: RolloutState): Promise<number> {
    const [found] = await this.database.query(
      z.object({ count: z.coerce.number() }),
      `SELECT count(*) FROM control.rollout_alerts
       WHERE rollout_id = $1 AND is_candidate AND settled_at IS NOT NULL
         AND decided_at <= now() - make_interval(days => $2)`,
      [state.rolloutId, labelDaysOf(state)],
    );
    return found?.count ?? 0;
  }

  async #insert(alerts: readonly NewAlert[]): Promise<void> {
    if (alerts.length === 0) return;
    const stored = await this.database.query(
      z.object({ rollout_id: z.string(), is_candidate: z.boolean(), count: z.coerce.number() }),
      `SELECT rollout_id, is_candidate, count(*) FROM control.rollout_alerts WHERE rollout_id = ANY($1)
       GROUP BY rollout_id, is_candidate`,
      [[...new Set(alerts.map(({ rolloutId }) => rolloutId))]],
    );
    const counts = new Map(stored.map((row) => [`${row.rollout_id}/${row.is_candidate}`, row.count]));
    const fitting = alerts.filter(({ rolloutId, isCandidate }) => {
      const arm = `${rolloutId}/${isCandidate}`;
      const count = (counts.get(arm) ?? 0) + 1;
      counts.set(arm, count);
      return count <= ALERTS_MAX;
    });
    // Sorted by key, because two instances that insert the same rows in different orders would deadlock.
    fitting.sort((one, other) => compareIds(one.rolloutId, other.rolloutId) || Buffer.compare(one.card, other.card));
    for (const part of partsOf(fitting)) await this.#insertPart(part);
  }

  async #insertPart(alerts: readonly NewAlert[]): Promise<void> {
    await this.database.execute(
      `INSERT INTO control.rollout_alerts (rollout_id, card, payment, is_candidate, is_declined, decided_at)
       SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::boolean[], $5::boolean[], $6::timestamptz[])
       ON CONFLICT DO NOTHING`,
      [
        alerts.map(({ rolloutId }) => rolloutId),
        alerts.map(({ card }) => card),
        alerts.map(({ payment }) => payment),
        alerts.map(({ isCandidate }) => isCandidate),
        alerts.map(({ isDeclined }) => isDeclined),
        alerts.map(({ decidedAtMs }) => new Date(decidedAtMs)),
      ],
    );
  }

  async #settle(labels: ReadonlyMap<string, boolean>): Promise<void> {
    const sorted = [...labels].toSorted(([one], [other]) => compareIds(one, other));
    for (const part of partsOf(sorted)) {
      await this.database.execute(
        `UPDATE control.rollout_alerts a
         SET is_fraud = l.is_fraud, settled_at = coalesce(a.settled_at, clock_timestamp())
         FROM unnest($1::bytea[], $2::boolean[]) AS l (payment, is_fraud)
         WHERE a.payment = l.payment AND a.is_fraud IS DISTINCT FROM l.is_fraud`,
        [part.map(([payment]) => Buffer.from(payment, "hex")), part.map(([, isFraud]) => isFraud)],
      );
    }
  }

  /**
   * After labels were dropped, an alert without a label may still have been reported. As for declined payments, the
   * missing label then proves nothing, and every instance must ignore it. Later alerts are not affected.
   */
  async #distrustSilence(open: readonly RolloutState[]): Promise<void> {
    await this.database.execute(
      `UPDATE control.rollout_alerts SET is_declined = true
       WHERE rollout_id = ANY($1) AND settled_at IS NULL AND NOT is_declined`,
      [open.map(({ rolloutId }) => rolloutId)],
    );
  }

  /** Applies the rule of ADR 71 to alerts. */
  async #mature(state: RolloutState): Promise<void> {
    await this.database.execute(
      `UPDATE control.rollout_alerts SET is_fraud = false, settled_at = clock_timestamp()
       WHERE rollout_id = $1 AND settled_at IS NULL AND NOT is_declined
         AND decided_at <= now() - make_interval(days => $2)
         AND (SELECT coalesce(avg((NOT is_fraud)::int), 1) FROM control.rollout_alerts
           WHERE rollout_id = $1 AND decided_at > now() - make_interval(days => $2)) <= $3`,
      [state.rolloutId, labelDaysOf(state), GENUINE_EXCEPTIONS],
    );
  }
}

/**
 * Whether the score of the card's own model decided. In shadow mode, or if the candidate's score is missing, the
 * champion decides payments of the candidate's cards.
 */
function hasOwnScore({ trial, rung }: Decision): boolean {
  if (trial?.trialRole === TrialRole.CANARY) return trial.candidateScore !== undefined;
  return trial?.trialRole === TrialRole.CONTROL && rung === Rung.MODEL;
}

function partsOf<T>(rows: readonly T[]): T[][] {
  const count = Math.ceil(rows.length / ROWS_TOGETHER);
  return Array.from({ length: count }, (_, at) => rows.slice(at * ROWS_TOGETHER, (at + 1) * ROWS_TOGETHER));
}

function compareIds(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

function labelDaysOf({ plan }: RolloutState): number {
  return plan.guards.label_days ?? LABEL_DAYS;
}

function paymentOf({ tenant, clientTransactionId }: Decision | Label): Buffer {
  return hashOf(tenant, clientTransactionId);
}

function hashOf(scope: string, id: string): Buffer {
  return createHash("sha256").update(`${scope}/${id}`).digest().subarray(0, HASH_BYTES);
}
