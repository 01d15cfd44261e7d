import { encodeMessage } from "@tripline/contracts/encode-message";
import { PolicyActivation } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TABLES } from "@tripline/contracts/topics";
import type { EventProducer, OutgoingRecord } from "@tripline/kafka/port";
import type { Database } from "@tripline/service-kit/postgres/connect-database";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { gauge } from "@tripline/service-kit/telemetry/metrics";
import { z } from "zod";

const POLL_MS = 1_000;
const ROWS_PER_ROUND_MAX = 50;
/** Until every instance of decisions has long acted on what took an activation's place, whatever its clock says. */
const SUPERSEDED_KEPT = "1 hour";
const MS_PER_S = 1_000;

const unpublishedRow = z.object({
  tenant: z.string(),
  activation: z.int(),
  revision: z.int().nullable(),
  text: z.string().nullable(),
  sha256: z.string().nullable(),
  author: z.string(),
  note: z.string(),
  created_at: z.date(),
  activates_at: z.date(),
});
const keyRow = unpublishedRow.pick({ tenant: true, activation: true });

/**
 * Tells the services of activations, and of those that they need not know any more. Both are safe to repeat, and several
 * instances may do it at once: of the activations whose time has come the highest number counts, in whatever order they
 * arrive.
 */
export class PolicyPublisher {
  readonly #endReading: () => void;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #failingSinceMs: number | undefined;

  constructor(
    private readonly database: Database,
    private readonly producer: EventProducer,
    private readonly logger: Logger,
  ) {
    const description = "For how long policies could not be published; 0 while they can";
    this.#endReading = gauge("tripline_control_unpublished_seconds", { description }, () =>
      this.#failingSinceMs === undefined ? 0 : (performance.now() - this.#failingSinceMs) / MS_PER_S,
    );
  }

  /** Publishes everything that counts again, because Kafka may be another one than before, and then what is added. */
  start(): void {
    this.#timer = setInterval(() => void this.#tryRound(), POLL_MS);
    this.#timer.unref();
    this.#round = this.#again();
    this.#round.catch(() => undefined).finally(() => this.#free());
  }

  /** @returns whether everything that was added by now is published */
  async publish(): Promise<boolean> {
    // A round that is under way may have begun before it.
    await this.#round?.catch(() => undefined);
    return this.#tryRound();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round?.catch(() => undefined);
    this.#endReading();
  }

  async #again(): Promise<void> {
    await this.database.execute(
      "UPDATE control.policy_activations SET published_at = NULL WHERE withdrawn_at IS NULL",
      [],
    );
    await this.#publishAll();
  }

  async #tryRound(): Promise<boolean> {
    this.#round ??= this.#publishAll();
    try {
      await this.#round;
      this.#failingSinceMs = undefined;
      return true;
    } catch (error) {
      if (this.#failingSinceMs === undefined) this.logger.warn({ err: error }, "policies cannot be published");
      this.#failingSinceMs ??= performance.now();
      return false;
    } finally {
      this.#free();
    }
  }

  #free(): void {
    this.#round = undefined;
  }

  async #publishAll(): Promise<void> {
    for (let count = ROWS_PER_ROUND_MAX; count === ROWS_PER_ROUND_MAX; ) count = await this.#publishSome();
    await this.#withdraw();
  }

  async #publishSome(): Promise<number> {
    const rows = await this.database.query(
      unpublishedRow,
      `SELECT a.tenant, a.activation, a.revision, r.text, r.sha256, a.author, a.note, a.created_at, a.activates_at
       FROM control.policy_activations a LEFT JOIN control.policy_revisions r USING (tenant, revision)
       WHERE a.published_at IS NULL AND a.withdrawn_at IS NULL ORDER BY a.tenant, a.activation LIMIT $1`,
      [ROWS_PER_ROUND_MAX],
    );
    if (rows.length === 0) return 0;
    await this.producer.send(rows.map((row) => recordOf(row, messageOf(row))));
    await this.#mark("published_at", rows);
    for (const { tenant, activation, revision } of rows) {
      this.logger.info({ tenant, activation, revision }, "policy activation published");
    }
    return rows.length;
  }

  /** Takes out of the table what can never count again. The one before the last stays, for a build that cannot read the last. */
  async #withdraw(): Promise<void> {
    const rows = await this.database.query(
      keyRow,
      `SELECT a.tenant, a.activation FROM control.policy_activations a
       WHERE a.withdrawn_at IS NULL AND 1 < (
         SELECT count(*) FROM control.policy_activations b
         WHERE b.tenant = a.tenant AND b.activation > a.activation AND b.activates_at < now() - $1::interval
       ) ORDER BY a.tenant, a.activation LIMIT $2`,
      [SUPERSEDED_KEPT, ROWS_PER_ROUND_MAX],
    );
    if (rows.length === 0) return;
    await this.producer.send(rows.map((row) => recordOf(row, new Uint8Array())));
    await this.#mark("withdrawn_at", rows);
  }

  async #mark(column: "published_at" | "withdrawn_at", rows: readonly z.infer<typeof keyRow>[]): Promise<void> {
    await this.database.execute(
      `UPDATE control.policy_activations SET ${column} = now()
       WHERE (tenant, activation) IN (SELECT * FROM unnest($1::text[], $2::int[]))`,
      [rows.map(({ tenant }) => tenant), rows.map(({ activation }) => activation)],
    );
  }
}

function recordOf({ tenant, activation }: z.infer<typeof keyRow>, value: Uint8Array): OutgoingRecord {
  const { name, schema } = TABLES.policies;
  return {
    topic: name,
    key: `${tenant}/${activation}`,
    value,
    headers: { [HEADERS.schema]: schema, [HEADERS.tenant]: tenant },
  };
}

function messageOf(row: z.infer<typeof unpublishedRow>): Uint8Array {
  return encodeMessage(PolicyActivation, {
    tenant: row.tenant,
    activation: row.activation,
    revision: row.revision ?? 0,
    text: row.text ?? "",
    sha256: row.sha256 ?? "",
    activatesAtMs: row.activates_at.getTime(),
    author: row.author,
    note: row.note,
    createdAtMs: row.created_at.getTime(),
  });
}
