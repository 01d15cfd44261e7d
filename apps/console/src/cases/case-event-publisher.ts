import { Inject, Injectable } from "@nestjs/common";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { CaseEvent } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { CASE_EVENTS_TOPIC } from "@tripline/contracts/topics";
import type { EventProducer, OutgoingRecord } from "@tripline/kafka/port";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { OutboxPublisher } from "@tripline/nest-kit/kafka/outbox-publisher";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { runAlone } from "@tripline/stores/postgres/run-alone";
import type { Logger } from "@tripline/telemetry/logger";
import { z } from "zod";

const EVENTS_PER_ROUND_MAX = 500;

const outboxRow = z.object({
  id: z.string(),
  case_id: z.string(),
  tenant: z.string(),
  kind: z.number(),
  revision: z.number(),
  at_ms: z.coerce.number(),
  assignee_id: z.string(),
  verdict: z.string(),
  payments: z.number(),
});
type OutboxRow = z.infer<typeof outboxRow>;

const COLUMNS = Object.keys(outboxRow.shape).join(", ");

/** Sends case events to Kafka in order. While Kafka is unavailable, the events wait in Postgres. */
@Injectable()
export class CaseEventPublisher extends OutboxPublisher {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_PRODUCER) private readonly producer: EventProducer,
    @Inject(LOGGER) logger: Logger,
  ) {
    super({
      what: "events of cases",
      gauge: "tripline_console_case_events_unpublished_seconds",
      logger,
      round: () => this.#round(),
    });
  }

  #round(): Promise<boolean> {
    // Only one instance publishes at a time, so that events keep their order. The other instances skip the round.
    return runAlone(this.database, "console.case_outbox", false, async (transaction) => {
      const rows = await transaction.query(
        outboxRow,
        // A held event also holds later events of its case, so that they keep their order. The lock prevents an undo
        // from deleting an event that is being sent.
        `SELECT ${COLUMNS} FROM console.case_outbox o WHERE NOT EXISTS (
           SELECT FROM console.case_outbox held
           WHERE held.case_id = o.case_id AND held.id <= o.id AND held.held_until_ms > $2)
         ORDER BY id LIMIT $1 FOR UPDATE OF o`,
        [EVENTS_PER_ROUND_MAX, Date.now()],
      );
      if (rows.length === 0) return false;
      await this.producer.send(rows.map(recordOf));
      await transaction.execute("DELETE FROM console.case_outbox WHERE id = ANY ($1::bigint[])", [
        rows.map(({ id }) => id),
      ]);
      return rows.length === EVENTS_PER_ROUND_MAX;
    });
  }
}

function recordOf(row: OutboxRow): OutgoingRecord {
  const event: CaseEvent = {
    // Unique, because every change to a case gets a new revision.
    eventId: `${row.case_id}/${row.revision}`,
    tenant: row.tenant,
    caseId: row.case_id,
    kind: row.kind,
    revision: row.revision,
    atMs: row.at_ms,
    assigneeId: row.assignee_id,
    verdict: row.verdict,
    payments: row.payments,
  };
  return {
    topic: CASE_EVENTS_TOPIC.name,
    key: row.case_id,
    value: encodeMessage(CaseEvent, event),
    headers: { [HEADERS.schema]: CASE_EVENTS_TOPIC.schema, [HEADERS.tenant]: row.tenant },
  };
}
