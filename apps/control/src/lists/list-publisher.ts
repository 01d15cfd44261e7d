import { Inject, Injectable } from "@nestjs/common";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { ListEntry } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { writeListKey } from "@tripline/contracts/lists/list-key";
import { TABLES } from "@tripline/contracts/topics";
import type { EventProducer, OutgoingRecord } from "@tripline/kafka/port";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { OutboxPublisher } from "@tripline/nest-kit/kafka/outbox-publisher";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { entryRow } from "./list-store.js";

const ROWS_PER_ROUND_MAX = 1_000;
/** An expired entry stays visible for a day and is then removed from the lists and from every instance's memory. */
const ENDED_KEPT = "1 day";

const unpublishedRow = entryRow.extend({ tenant: z.string(), is_removed: z.boolean() });
type Unpublished = z.infer<typeof unpublishedRow>;

/**
 * Publishes changes of lists. A committed change is published at least once: before its response if Kafka is up,
 * otherwise by a later round of any instance, even after a crash. A round locks the rows that it publishes, so the
 * changes of one entry keep their order across instances.
 */
@Injectable()
export class ListPublisher extends OutboxPublisher {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_PRODUCER) private readonly producer: EventProducer,
    @Inject(LOGGER) logger: Logger,
  ) {
    super({
      what: "changes of lists",
      gauge: "tripline_control_lists_unpublished_seconds",
      logger,
      round: async () => {
        await this.#tidy();
        return this.#publishRound();
      },
    });
  }

  /**
   * Resolves when all changes committed so far are published.
   *
   * @throws TriplineError `kafka-unavailable`, `database-unavailable`
   */
  async publish(): Promise<void> {
    try {
      await this.flush();
    } catch (thrown) {
      if (asTriplineError(thrown).code !== "kafka-unavailable") throw thrown;
      const detail = "The change is saved. It will take effect as soon as Kafka is available.";
      throw new TriplineError("kafka-unavailable", detail, [], { cause: thrown });
    }
  }

  #publishRound(): Promise<boolean> {
    return this.database.transaction(async (transaction) => {
      const rows = await transaction.query(
        unpublishedRow,
        `SELECT tenant, list, kind, value, effect, reason, author, created_at, expires_at, is_removed
         FROM control.list_entries e JOIN control.lists USING (tenant, list)
         WHERE NOT is_published ORDER BY tenant, list, kind, value LIMIT $1 FOR UPDATE OF e`,
        [ROWS_PER_ROUND_MAX],
      );
      if (rows.length === 0) return false;
      await this.producer.send(rows.map(recordOf));
      const keys = (["tenant", "list", "kind", "value"] as const).map((column) => rows.map((row) => row[column]));
      const ofRound =
        "(tenant, list, kind, value) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]))";
      await transaction.execute(`DELETE FROM control.list_entries WHERE ${ofRound} AND is_removed`, keys);
      await transaction.execute(`UPDATE control.list_entries SET is_published = true WHERE ${ofRound}`, keys);
      return rows.length === ROWS_PER_ROUND_MAX;
    });
  }

  async #tidy(): Promise<void> {
    await this.database.execute(
      `UPDATE control.list_entries SET is_removed = true, is_published = false
       WHERE ctid = ANY (ARRAY(SELECT ctid FROM control.list_entries
         WHERE expires_at < now() - interval '${ENDED_KEPT}' AND NOT is_removed LIMIT $1 FOR UPDATE SKIP LOCKED))`,
      [ROWS_PER_ROUND_MAX],
    );
  }
}

function recordOf(row: Unpublished): OutgoingRecord {
  const { tenant, list, kind, value, effect, reason, author } = row;
  const entry: ListEntry = {
    tenant,
    list,
    kind,
    value,
    effect,
    reason,
    author,
    createdAtMs: row.created_at.getTime(),
    ...(row.expires_at === null ? {} : { expiresAtMs: row.expires_at.getTime() }),
  };
  return {
    topic: TABLES.lists.name,
    key: writeListKey(row),
    value: row.is_removed ? Buffer.of() : encodeMessage(ListEntry, entry),
    headers: { [HEADERS.schema]: TABLES.lists.schema, [HEADERS.tenant]: tenant },
  };
}
