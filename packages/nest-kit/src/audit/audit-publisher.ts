import type { Provider } from "@nestjs/common";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { AuditEvent } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { AUDIT_TOPIC } from "@tripline/contracts/topics";
import type { EventProducer } from "@tripline/kafka/port";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { EVENT_PRODUCER } from "../kafka/kafka.tokens.js";
import { OutboxPublisher } from "../kafka/outbox-publisher.js";
import { DATABASE } from "../postgres/database.module.js";
import { LOGGER } from "../service.module.js";

const EVENTS_PER_ROUND_MAX = 200;

const outboxRow = z
  .object({
    id: z.string(),
    event_id: z.string(),
    tenant: z.string(),
    actor: z.string(),
    actor_kind: z.string(),
    action: z.string(),
    subject_kind: z.string(),
    subject_id: z.string(),
    details: z.string(),
    at_ms: z.coerce.number(),
  })
  .transform((row) => ({
    id: row.id,
    event: {
      eventId: row.event_id,
      tenant: row.tenant,
      actor: row.actor,
      actorKind: row.actor_kind,
      action: row.action,
      subjectKind: row.subject_kind,
      subjectId: row.subject_id,
      details: row.details,
      atMs: row.at_ms,
    },
  }));

const COLUMNS = Object.keys(outboxRow.in.shape).join(", ");

/** Sends the events of `noteAudit` to Kafka, in order. While Kafka is unavailable, they wait in Postgres. */
export class AuditPublisher extends OutboxPublisher {
  /** @param source the service, whose schema contains the table `audit_outbox` */
  constructor(
    private readonly source: string,
    private readonly database: Database,
    private readonly producer: EventProducer,
    logger: Logger,
  ) {
    super({
      what: "audit events",
      gauge: "tripline_audit_unpublished_seconds",
      logger,
      round: () => this.#round(),
    });
  }

  #round(): Promise<boolean> {
    return this.database.transaction(async (transaction) => {
      const rows = await transaction.query(
        outboxRow,
        `SELECT ${COLUMNS} FROM ${this.source}.audit_outbox ORDER BY id LIMIT $1 FOR UPDATE`,
        [EVENTS_PER_ROUND_MAX],
      );
      if (rows.length === 0) return false;
      await this.producer.send(
        rows.map(({ event }) => ({
          topic: AUDIT_TOPIC.name,
          key: event.tenant,
          value: encodeMessage(AuditEvent, { ...event, source: this.source }),
          headers: { [HEADERS.schema]: AUDIT_TOPIC.schema, [HEADERS.tenant]: event.tenant },
        })),
      );
      await transaction.execute(`DELETE FROM ${this.source}.audit_outbox WHERE id = ANY ($1::bigint[])`, [
        rows.map(({ id }) => id),
      ]);
      return rows.length === EVENTS_PER_ROUND_MAX;
    });
  }
}

/** For the root module of a service with `DatabaseModule`, a producing `KafkaModule`, and the table of `noteAudit`. */
export function auditPublisher(source: string): Provider {
  return {
    provide: AuditPublisher,
    inject: [DATABASE, EVENT_PRODUCER, LOGGER],
    useFactory: (database: Database, producer: EventProducer, logger: Logger) =>
      new AuditPublisher(source, database, producer, logger),
  };
}
