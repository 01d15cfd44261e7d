import { Inject, Injectable } from "@nestjs/common";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { BACKGROUND } from "../background.js";
import type { PauseReason } from "./endpoint-store.js";
import { note } from "./endpoint-store.js";
import { ATTEMPTS_IN_ORDER, FAILURES_BEFORE_REST, GIVE_UP_HOURS, PAUSE_AFTER_HOURS } from "./retry-schedule.js";

/** Maximum number of endpoints per query. A separate limit keeps failing endpoints from crowding out working ones. */
const ENDPOINTS_MAX = 200;
const FAILING_MAX = 50;
/** Number of an endpoint's due deliveries that a claim examines, oldest first. */
const WINDOW = 200;
/** Number of order keys that a claim examines, including keys with a delivery in progress. */
const HEADS_MAX = 2_000;
/** After this time, another instance may send a batch again. No batch takes this long. */
export const LEASE_SECONDS = 45;
/** The actor in the audit log. */
const ACTOR = "webhooks";

const dueRow = z.object({ id: z.string(), tenant: z.string(), url: z.string(), failures: z.number() });
export type DueEndpoint = z.infer<typeof dueRow>;

/** `waiting_since` is the time at which the delivery was stored or last replayed. */
const claimedRow = z.object({
  event_id: z.string(),
  payload: z.string(),
  attempts: z.number(),
  waiting_since: z.date(),
});
export type ClaimedDelivery = z.infer<typeof claimedRow>;

/** The result of an attempt. */
export interface Attempted {
  readonly eventId: string;
  /** Number of the attempt, which shows whether another instance has made a later attempt. */
  readonly attempt: number;
  readonly isDelivered: boolean;
  /** Time until the next attempt, if this one failed. */
  readonly waitMs: number;
  readonly status: number | undefined;
  readonly error: string | undefined;
}

/** What the latest attempts show about an endpoint. */
export interface EndpointFindings {
  /** Failures since the last success, as `failuresAfter` counts them. */
  readonly failures: number;
  readonly restMs: number;
  /** The receiver answered 410 (Gone), so it wants no more events. */
  readonly isGone: boolean;
}

const PENDING = "d.endpoint_id = $1 AND d.state = 'pending'";
const DUE = `${PENDING} AND d.next_attempt_at <= now()`;
const IN_ORDER = "NOT d.is_overtaken AND d.order_key IS NOT NULL";
const headAfter = (condition: string) =>
  `SELECT d.event_id, d.order_key, d.next_attempt_at FROM control.webhook_deliveries d
   WHERE ${PENDING} AND ${IN_ORDER} ${condition} ORDER BY d.order_key, d.sequence LIMIT 1`;

/**
 * Each part reads a bounded number of rows, however many wait behind one order key. The batch takes the oldest due
 * deliveries first. If some must wait for earlier events, it is filled with unordered deliveries and with the first
 * delivery of each other order key, found by stepping from key to key.
 */
const CLAIM = `WITH RECURSIVE oldest AS (
    SELECT d.* FROM control.webhook_deliveries d WHERE ${DUE} ORDER BY d.next_attempt_at, d.sequence LIMIT ${WINDOW}
  ), heads AS (
    (${headAfter("")})
    UNION ALL
    SELECT next.* FROM heads h CROSS JOIN LATERAL (${headAfter("AND d.order_key > h.order_key")}) next
  ), candidates AS (
    SELECT o.event_id FROM oldest o WHERE o.order_key IS NULL OR o.is_overtaken OR NOT EXISTS (
      SELECT FROM control.webhook_deliveries d
      WHERE ${PENDING} AND ${IN_ORDER} AND d.order_key = o.order_key AND d.sequence < o.sequence)
    UNION (SELECT event_id FROM (SELECT * FROM heads LIMIT ${HEADS_MAX}) h WHERE next_attempt_at <= now() LIMIT $2)
    UNION (SELECT d.event_id FROM control.webhook_deliveries d
      WHERE ${DUE} AND (d.order_key IS NULL OR d.is_overtaken) ORDER BY d.next_attempt_at, d.sequence LIMIT $2)
  ), due AS (
    SELECT d.endpoint_id, d.event_id FROM candidates JOIN control.webhook_deliveries d USING (event_id)
    WHERE ${DUE} AND EXISTS (SELECT FROM control.webhook_endpoints
      WHERE id = $1 AND url = $3 AND NOT is_removed AND paused_because IS NULL)
    ORDER BY d.next_attempt_at, d.sequence LIMIT $2 FOR UPDATE OF d SKIP LOCKED
  ), claimed AS (
    UPDATE control.webhook_deliveries d SET attempts = d.attempts + 1, last_attempt_at = now(),
      last_status = NULL, last_error = NULL,
      next_attempt_at = now() + interval '${LEASE_SECONDS} seconds'
    FROM due WHERE d.endpoint_id = due.endpoint_id AND d.event_id = due.event_id
    RETURNING d.event_id, d.payload, d.attempts, d.gives_up_at, d.sequence
  ) SELECT event_id, payload, attempts, gives_up_at - interval '${GIVE_UP_HOURS} hours' AS waiting_since
  FROM claimed ORDER BY sequence`;

/** Pending deliveries in Postgres. Several instances may process them at once. */
@Injectable()
export class Outbox {
  constructor(@Inject(BACKGROUND) private readonly database: Database) {}

  /** Endpoints with due deliveries: working endpoints, then failing ones, each group in order of the longest wait. */
  async due(): Promise<DueEndpoint[]> {
    const find = (condition: string, max: number) =>
      this.database.query(
        dueRow,
        `SELECT e.id, e.tenant, e.url, e.failures FROM control.webhook_endpoints e
         CROSS JOIN LATERAL (SELECT next_attempt_at FROM control.webhook_deliveries d
           WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.next_attempt_at <= now()
           ORDER BY d.next_attempt_at LIMIT 1) first
         WHERE NOT e.is_removed AND e.paused_because IS NULL AND e.rests_until <= now() AND ${condition}
         ORDER BY first.next_attempt_at LIMIT ${max}`,
      );
    return [
      ...(await find(`e.failures < ${FAILURES_BEFORE_REST}`, ENDPOINTS_MAX)),
      ...(await find(`e.failures >= ${FAILURES_BEFORE_REST}`, FAILING_MAX)),
    ];
  }

  /**
   * Claims due deliveries: for each order key, those that were overtaken and the oldest of the others. Later deliveries
   * wait, even while that one is in progress. Claims nothing if a user changed the URL, paused or removed the endpoint.
   */
  claim({ id, url }: Pick<DueEndpoint, "id" | "url">, max: number): Promise<ClaimedDelivery[]> {
    return this.database.query(claimedRow, CLAIM, [id, max, url]);
  }

  /** Stores the results of a batch. @returns the reason if this paused the endpoint */
  settle(
    { id, tenant }: Pick<DueEndpoint, "id" | "tenant">,
    attempted: readonly Attempted[],
    findings: EndpointFindings,
  ): Promise<PauseReason | undefined> {
    return this.database.transaction(async (transaction) => {
      const column = <K extends keyof Attempted>(name: K) => attempted.map((one) => one[name]);
      // A success counts even after the lease ended. A failure counts only if no later attempt has been made.
      await transaction.execute(
        `UPDATE control.webhook_deliveries d SET
           state = CASE WHEN r.ok THEN 'delivered'
             WHEN now() + r.wait_ms * interval '1 millisecond' > d.gives_up_at THEN 'failed' ELSE 'pending' END,
           next_attempt_at = now() + r.wait_ms * interval '1 millisecond',
           is_overtaken = d.is_overtaken OR NOT r.ok AND d.attempts >= ${ATTEMPTS_IN_ORDER},
           last_status = r.status, last_error = r.error
         FROM unnest($2::text[], $3::int[], $4::bool[], $5::bigint[], $6::int[], $7::text[])
           AS r (event_id, attempt, ok, wait_ms, status, error)
         WHERE d.endpoint_id = $1 AND d.event_id = r.event_id
           AND (r.ok OR d.state = 'pending' AND d.attempts = r.attempt)`,
        [
          ...[id, column("eventId"), column("attempt"), column("isDelivered"), column("waitMs")],
          ...[column("status").map((one) => one ?? null), column("error").map((one) => one ?? null)],
        ],
      );
      await transaction.execute(
        `UPDATE control.webhook_endpoints SET failures = $2, rests_until = now() + $3 * interval '1 millisecond',
           failing_since = CASE WHEN $2 > 0 THEN coalesce(failing_since, now()) END WHERE id = $1`,
        [id, findings.failures, findings.restMs],
      );
      return pause(transaction, tenant, id, findings.isGone);
    });
  }
}

const pausedRow = z.object({ paused_because: z.enum(["gone", "failing"]) });

async function pause(
  transaction: Queries,
  tenant: string,
  id: string,
  isGone: boolean,
): Promise<PauseReason | undefined> {
  const [paused] = await transaction.query(
    pausedRow,
    `UPDATE control.webhook_endpoints SET paused_because = CASE WHEN $2 THEN 'gone' ELSE 'failing' END, paused_at = now()
     WHERE id = $1 AND paused_because IS NULL AND ($2 OR failing_since < now() - interval '${PAUSE_AFTER_HOURS} hours')
     RETURNING paused_because`,
    [id, isGone],
  );
  if (paused === undefined) return undefined;
  const { paused_because: because } = paused;
  await note(transaction, { tenant, actor: ACTOR, actorKind: "service" }, "paused", id, { because });
  return because;
}
