import type { OnApplicationBootstrap, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { gauge, labelledGauge } from "@tripline/telemetry/metrics";
import { z } from "zod";
import { BACKGROUND } from "../background.js";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { FAILURES_BEFORE_REST } from "./retry-schedule.js";
import { PENDING_MAX } from "./subscriptions.js";

const EVERY_MS = 10_000;
/** Maximum rows per statement, to keep locks short, and statements per round. The next round continues the work. */
const ROWS_MAX = 5_000;
const STATEMENTS_MAX = 20;
/** Delivered events are deleted from the log of an endpoint once it has this many newer ones. */
export const LOG_ROWS_MAX = 100_000;
/** Trimming is infrequent, because finding the oldest row to keep reads a large part of an index. */
const TRIM_EVERY_MS = 60_000;

const countsRow = z.object({
  active: z.coerce.number(),
  failing: z.coerce.number(),
  paused: z.coerce.number(),
  pending: z.coerce.number(),
});
type Counts = z.infer<typeof countsRow>;
/** As text, because a `Date` has no microseconds. */
const surplusRow = z.object({ id: z.string(), occurred_at: z.string(), sequence: z.string() });

const NONE: Counts = { active: 0, failing: 0, paused: 0, pending: 0 };
const deliveries = (condition: string) =>
  `SELECT d.endpoint_id, d.event_id FROM control.webhook_deliveries d ${condition} LIMIT ${ROWS_MAX}`;

/** Deliveries to paused endpoints are never attempted, so their deadline is checked here. */
const EXPIRE = `UPDATE control.webhook_deliveries SET state = 'failed', last_error = coalesce(last_error, 'expired')
  WHERE (endpoint_id, event_id) IN (${deliveries("WHERE d.state = 'pending' AND d.gives_up_at < now()")})
    AND state = 'pending'`;
const DROP = `DELETE FROM control.webhook_deliveries WHERE (endpoint_id, event_id) IN (
  ${deliveries("WHERE d.created_at < now() - make_interval(days => $1) AND d.state <> 'pending'")})`;
const DROP_REMOVED = `DELETE FROM control.webhook_deliveries WHERE (endpoint_id, event_id) IN (
  ${deliveries("JOIN control.webhook_endpoints e ON e.id = d.endpoint_id WHERE e.is_removed")})`;
const SURPLUS = `SELECT e.id, newest.occurred_at::text, newest.sequence FROM control.webhook_endpoints e
  CROSS JOIN LATERAL (SELECT d.occurred_at, d.sequence FROM control.webhook_deliveries d
    WHERE d.endpoint_id = e.id ORDER BY d.occurred_at DESC, d.sequence DESC OFFSET ${LOG_ROWS_MAX} LIMIT 1) newest`;
const TRIM = `DELETE FROM control.webhook_deliveries WHERE (endpoint_id, event_id) IN (
  ${deliveries("WHERE d.endpoint_id = $1 AND (d.occurred_at, d.sequence) <= ($2::timestamptz, $3::bigint) AND d.state = 'delivered'")})`;

/** Counts pending deliveries, expires overdue ones, and deletes old rows from the delivery log. */
@Injectable()
export class WebhookUpkeep implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #endReading: readonly (() => void)[];
  #counts = NONE;
  #trimmedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #isClosing = false;

  constructor(
    @Inject(BACKGROUND) private readonly database: Database,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "WEBHOOK_LOG_DAYS">,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const description = "Webhook endpoints, by state: active, failing, or paused after failures";
    this.#endReading = [
      labelledGauge("tripline_control_webhook_endpoints", { description, labels: ["state"] }, () =>
        (["active", "failing", "paused"] as const).map((state) => [this.#counts[state], { state }]),
      ),
      gauge(
        "tripline_control_webhooks_pending",
        { description: "Webhook deliveries that are waiting to be sent" },
        () => this.#counts.pending,
      ),
    ];
  }

  /** For the readiness report and the console's Health screen. It names no endpoint, because the report is public. */
  get note(): string | undefined {
    const { paused } = this.#counts;
    if (paused === 0) return undefined;
    return paused === 1
      ? "a webhook endpoint is paused after failures"
      : `${paused} webhook endpoints are paused after failures`;
  }

  onApplicationBootstrap(): void {
    const look = (): void => {
      this.#round ??= this.look().finally(() => {
        this.#round = undefined;
      });
    };
    this.#timer = setInterval(look, EVERY_MS);
    look();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#timer);
    for (const end of this.#endReading) end();
    await closeWithin(this.logger, "delivery log", () => this.#round);
  }

  /** Never rejects. If a step fails, for example because it was too slow, the other steps still run. */
  async look(): Promise<void> {
    const steps = [
      () => this.#count(),
      () => this.#repeat(EXPIRE, []),
      () => this.#repeat(DROP, [this.config.WEBHOOK_LOG_DAYS]),
      () => this.#repeat(DROP_REMOVED, []),
      () => this.#dropEndpoints(),
      () => this.#trim(),
    ];
    for (const step of steps) {
      if (this.#isClosing) return;
      await step().catch((thrown: unknown) => {
        const { code, message } = asTriplineError(thrown);
        this.logger.warn({ code }, `the delivery log of webhooks could not be maintained: ${message}`);
      });
    }
  }

  async #count(): Promise<void> {
    // The update must not wait for senders, which briefly lock the same rows.
    await this.database.execute(
      `WITH waiting AS (
         SELECT endpoint_id, count(*) >= ${PENDING_MAX} AS is_full FROM control.webhook_deliveries
         WHERE state = 'pending' GROUP BY endpoint_id
       )
       UPDATE control.webhook_endpoints e SET is_full = coalesce(w.is_full, false)
       FROM control.webhook_endpoints f LEFT JOIN waiting w ON w.endpoint_id = f.id
       WHERE f.id = e.id AND e.is_full <> coalesce(w.is_full, false)`,
      [],
    );
    const [counts] = await this.database.query(
      countsRow,
      `SELECT count(*) FILTER (WHERE paused_because IS NULL AND failures < ${FAILURES_BEFORE_REST}) AS active,
         count(*) FILTER (WHERE paused_because IS NULL AND failures >= ${FAILURES_BEFORE_REST}) AS failing,
         count(*) FILTER (WHERE paused_because <> 'user') AS paused,
         (SELECT count(*) FROM control.webhook_deliveries WHERE state = 'pending') AS pending
       FROM control.webhook_endpoints WHERE NOT is_removed`,
    );
    this.#counts = counts ?? NONE;
  }

  async #repeat(statement: string, values: readonly unknown[]): Promise<void> {
    for (let count = 0; count < STATEMENTS_MAX && !this.#isClosing; count += 1) {
      if ((await this.database.execute(statement, values)) < ROWS_MAX) return;
    }
  }

  async #trim(): Promise<void> {
    if (performance.now() - this.#trimmedAtMs < TRIM_EVERY_MS) return;
    this.#trimmedAtMs = performance.now();
    for (const { id, occurred_at, sequence } of await this.database.query(surplusRow, SURPLUS)) {
      await this.#repeat(TRIM, [id, occurred_at, sequence]);
    }
  }

  /** Deletes removed endpoints without deliveries, and secrets that no longer sign messages. */
  async #dropEndpoints(): Promise<void> {
    const emptied = `SELECT e.id FROM control.webhook_endpoints e WHERE e.is_removed
      AND NOT EXISTS (SELECT FROM control.webhook_deliveries d WHERE d.endpoint_id = e.id)`;
    await this.database.execute(
      `DELETE FROM control.webhook_secrets WHERE signs_until < now() OR endpoint_id IN (${emptied})`,
      [],
    );
    await this.database.execute(
      `DELETE FROM control.webhook_endpoints WHERE id IN (${emptied})
         AND NOT EXISTS (SELECT FROM control.webhook_secrets s WHERE s.endpoint_id = webhook_endpoints.id)`,
      [],
    );
  }
}
