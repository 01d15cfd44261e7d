import { Inject, Injectable } from "@nestjs/common";
import { TOPICS } from "@tripline/contracts/topics";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { z } from "zod";
import type { LiveSecond } from "../contract/decisions.js";
import type { KnownDecision } from "../decisions/decision-rows.js";
import { DECISION_COLUMNS, DECISIONS, decisionRow, OUTCOMES } from "../decisions/decision-rows.js";
import { PROJECTION_GROUP } from "../projection/projection.controller.js";

/** A receiver of live data. */
export interface Listener {
  readonly tenant: string;
  onSecond(second: LiveSecond): void;
  /** Receives new decisions, newest first. */
  onDecisions(decisions: readonly KnownDecision[]): void;
}

const TICK_MS = 500;
const SECOND_MS = 1_000;
/** Records read this long ago are in the database, because a round of the consumer takes less time. */
const SETTLED_MS = 1_000;
const SHOWN_MAX = 20;

const secondRow = z.object({
  outcomes: z.array(z.coerce.number()),
  degraded: z.coerce.number(),
  p50: z.number().nullable(),
  p99: z.number().nullable(),
});

/**
 * Recent decisions, read from the database once for all listeners of a tenant, and only while there are listeners. All
 * instances see the same data, no matter which of them has read the topics.
 */
@Injectable()
export class LiveHub {
  readonly #listeners = new Set<Listener>();
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;
  #shownUntilMs = 0;
  #countedUntilMs = 0;
  #lag = 0;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(KAFKA_ADMIN) private readonly admin: KafkaAdmin,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @returns a function that removes the listener */
  add(listener: Listener): () => void {
    this.#listeners.add(listener);
    if (this.#timer === undefined) {
      this.#shownUntilMs = Date.now() - SETTLED_MS;
      this.#countedUntilMs = Math.floor(this.#shownUntilMs / SECOND_MS) * SECOND_MS;
      this.#timer = setInterval(() => void this.#tick(), TICK_MS);
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #tick(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const settledMs = Date.now() - SETTLED_MS;
      const fromMs = this.#shownUntilMs;
      this.#shownUntilMs = settledMs;
      await this.#each((tenant, all) => this.#show(tenant, fromMs, settledMs, all));
      while (this.#countedUntilMs + SECOND_MS <= settledMs) {
        const secondMs = this.#countedUntilMs;
        this.#countedUntilMs += SECOND_MS;
        // After a pause, only the last second matters.
        if (this.#countedUntilMs + SECOND_MS <= settledMs - SECOND_MS) continue;
        await this.#measureLag();
        await this.#each((tenant) => this.#count(tenant, secondMs));
      }
    } catch (error) {
      // The listeners get no events, and the next tick retries.
      this.logger.warn({ err: error }, "recent decisions cannot be read");
    } finally {
      this.#isBusy = false;
    }
  }

  async #each(tell: (tenant: string, listeners: readonly Listener[]) => Promise<void>): Promise<void> {
    const byTenant = Map.groupBy(this.#listeners, ({ tenant }) => tenant);
    await Promise.all([...byTenant].map(([tenant, listeners]) => tell(tenant, listeners)));
  }

  async #show(tenant: string, fromMs: number, toMs: number, listeners: readonly Listener[]): Promise<void> {
    const found = await this.database.query(
      decisionRow,
      `SELECT ${DECISION_COLUMNS} FROM (
         SELECT * FROM console.decisions WHERE read_at_ms >= $2 AND read_at_ms < $3 AND tenant = $1
         ORDER BY decided_at_ms DESC LIMIT ${SHOWN_MAX}
       ) d JOIN ${DECISIONS.slice(DECISIONS.indexOf("console.payments"))} ORDER BY d.decided_at_ms DESC`,
      [tenant, fromMs, toMs],
    );
    if (found.length > 0) for (const listener of listeners) listener.onDecisions(found);
  }

  async #count(tenant: string, secondMs: number): Promise<void> {
    const [row] = await this.database.query(
      secondRow,
      `SELECT ARRAY[${OUTCOMES.map((_name, index) => `count(*) FILTER (WHERE outcome = ${index + 1})`).join(", ")}] AS outcomes,
         count(*) FILTER (WHERE rung <> 1) AS degraded,
         percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms) AS p50,
         percentile_disc(0.99) WITHIN GROUP (ORDER BY latency_ms) AS p99
       FROM console.decisions WHERE read_at_ms >= $2 AND read_at_ms < $3 AND tenant = $1`,
      [tenant, secondMs, secondMs + SECOND_MS],
    );
    if (row === undefined) return;
    const [approve = 0, challenge = 0, review = 0, decline = 0] = row.outcomes;
    const second: LiveSecond = {
      atMs: secondMs,
      decisions: approve + challenge + review + decline,
      byOutcome: { approve, challenge, review, decline },
      degraded: row.degraded,
      latencyP50Ms: row.p50,
      latencyP99Ms: row.p99,
      lag: this.#lag,
    };
    this.tell(tenant, second);
  }

  /** Notifies all listeners of a tenant. */
  tell(tenant: string, second: LiveSecond): void {
    for (const listener of this.#listeners) if (listener.tenant === tenant) listener.onSecond(second);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  async #measureLag(): Promise<void> {
    const topic = TOPICS.decisions.name;
    try {
      const [ends, committed] = await Promise.all([
        this.admin.endOffsets(topic),
        this.admin.committedOffsets(PROJECTION_GROUP, topic),
      ]);
      this.#lag = [...ends].reduce(
        (sum, [partition, end]) => sum + Math.max(0, end - (committed.get(partition) ?? 0)),
        0,
      );
    } catch {
      // Keep the last lag. The health page reports that Kafka is unavailable.
    }
  }
}
