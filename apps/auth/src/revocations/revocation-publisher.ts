import { Inject, Injectable } from "@nestjs/common";
import { clientKey, personKey } from "@tripline/contracts/auth-event-key";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { asTriplineError } from "@tripline/contracts/error-table";
import { AuthEvent, AuthSubject } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TABLES } from "@tripline/contracts/topics";
import type { EventProducer, OutgoingRecord } from "@tripline/kafka/port";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { OutboxPublisher } from "@tripline/nest-kit/kafka/outbox-publisher";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { z } from "zod";

/** Changes that another instance committed, or that Kafka did not accept, are published within this time. */
const POLL_MS = 500;
const UNAVAILABLE: ReadonlySet<string> = new Set(["kafka-unavailable", "database-unavailable"]);
const ROWS_PER_ROUND_MAX = 500;
/** No token lives longer, so older revocations are irrelevant. */
const KEPT = "1 day";

const unpublishedRow = z.object({
  kind: z.enum(["client", "person"]),
  subject: z.string(),
  tenant: z.string(),
  disabled: z.boolean(),
  not_before: z.date(),
  changed_at: z.date(),
  is_removed: z.boolean(),
  version: z.string(),
});

/**
 * Notifies the services of revoked tokens. A committed change is published at least once: before its response if Kafka
 * is up, otherwise by a later round of any instance, even after a crash. Only one instance publishes at a time, so the
 * changes of one subject keep their order. Rows are not locked during the request to Kafka: in an outage, the request
 * lasts until the statement timeout, and administrators must still be able to revoke rights.
 */
@Injectable()
export class RevocationPublisher extends OutboxPublisher {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_PRODUCER) private readonly producer: EventProducer,
    @Inject(LOGGER) logger: Logger,
  ) {
    super({
      what: "revocations",
      gauge: "tripline_auth_revocations_unpublished_seconds",
      logger,
      pollMs: POLL_MS,
      round: async () => {
        await this.#tidy();
        return this.#publishRound();
      },
    });
  }

  /**
   * @returns whether all changes committed so far are published; otherwise, they will be once Kafka is available
   */
  async publish(): Promise<boolean> {
    try {
      await this.flush();
      return true;
    } catch (thrown) {
      // The database times out as well if another instance is waiting for Kafka.
      if (!UNAVAILABLE.has(asTriplineError(thrown).code)) throw thrown;
      return false;
    }
  }

  #publishRound(): Promise<boolean> {
    return this.database.transaction(async (transaction) => {
      await transaction.execute("SELECT pg_advisory_xact_lock(hashtext('auth.revocations'))", []);
      const rows = await transaction.query(
        unpublishedRow,
        `SELECT kind, subject, tenant, disabled, not_before, changed_at, is_removed, xmin::text AS version FROM auth.revocations
         WHERE NOT is_published ORDER BY kind, subject LIMIT $1`,
        [ROWS_PER_ROUND_MAX],
      );
      if (rows.length === 0) return false;
      await this.producer.send(rows.map(recordOf));
      // A row that has changed since is published again.
      const keys = [rows.map(({ kind }) => kind), rows.map(({ subject }) => subject), rows.map((row) => row.version)];
      const ofRound = "(kind, subject, xmin::text) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))";
      await transaction.execute(`DELETE FROM auth.revocations WHERE ${ofRound} AND is_removed`, keys);
      await transaction.execute(`UPDATE auth.revocations SET is_published = true WHERE ${ofRound}`, keys);
      return rows.length === ROWS_PER_ROUND_MAX;
    });
  }

  async #tidy(): Promise<void> {
    await this.database.execute(
      `UPDATE auth.revocations SET is_removed = true, is_published = false
       WHERE (kind, subject) IN (SELECT kind, subject FROM auth.revocations
         WHERE NOT disabled AND not_before < now() - interval '${KEPT}' AND NOT is_removed LIMIT $1 FOR UPDATE SKIP LOCKED)`,
      [ROWS_PER_ROUND_MAX],
    );
  }
}

function recordOf(row: z.infer<typeof unpublishedRow>): OutgoingRecord {
  const { kind, subject, tenant, disabled } = row;
  const event: AuthEvent = {
    subject,
    tenant,
    disabled,
    kind: kind === "client" ? AuthSubject.CLIENT : AuthSubject.PERSON,
    notBeforeMs: row.not_before.getTime(),
    changedAtMs: row.changed_at.getTime(),
  };
  return {
    topic: TABLES.authEvents.name,
    key: kind === "client" ? clientKey(subject) : personKey(subject),
    value: row.is_removed ? Buffer.of() : encodeMessage(AuthEvent, event),
    headers: { [HEADERS.schema]: TABLES.authEvents.schema, [HEADERS.tenant]: tenant },
  };
}
