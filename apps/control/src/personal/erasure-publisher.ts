import { Inject, Injectable } from "@nestjs/common";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TABLES } from "@tripline/contracts/topics";
import type { EventProducer } from "@tripline/kafka/port";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { OutboxPublisher } from "@tripline/nest-kit/kafka/outbox-publisher";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { z } from "zod";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { SubjectKeys } from "./subject-keys.js";

const ROWS_PER_ROUND_MAX = 1_000;

const erasureRow = z.object({ tenant: z.string(), subject: z.string(), erased_at: z.date() });

/** Publishes erasures to the services at least once, and destroys expired keys. */
@Injectable()
export class ErasurePublisher extends OutboxPublisher {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_PRODUCER) private readonly producer: EventProducer,
    @Inject(LOGGER) logger: Logger,
    @Inject(SubjectKeys) keys: SubjectKeys,
    @Inject(CONTROL_CONFIG) { PERSONAL_DAYS: keptDays }: Pick<ControlConfig, "PERSONAL_DAYS">,
  ) {
    super({
      what: "erasures",
      gauge: "tripline_control_erasures_unpublished_seconds",
      logger,
      round: async () => {
        const expired = await keys.expire(keptDays, ROWS_PER_ROUND_MAX);
        return (await this.#publishRound()) || expired === ROWS_PER_ROUND_MAX;
      },
    });
  }

  #publishRound(): Promise<boolean> {
    return this.database.transaction(async (transaction) => {
      const rows = await transaction.query(
        erasureRow,
        `SELECT tenant, subject, erased_at FROM control.erasures WHERE NOT is_published
         ORDER BY tenant, subject LIMIT $1 FOR UPDATE`,
        [ROWS_PER_ROUND_MAX],
      );
      if (rows.length === 0) return false;
      await this.producer.send(
        rows.map(({ tenant, subject, erased_at }) => ({
          topic: TABLES.erasures.name,
          key: `${tenant}/${subject}`,
          value: encodeMessage(Erasure, { tenant, subject, erasedAtMs: erased_at.getTime() }),
          headers: { [HEADERS.schema]: TABLES.erasures.schema, [HEADERS.tenant]: tenant },
        })),
      );
      await transaction.execute(
        `UPDATE control.erasures SET is_published = true, published_at = now()
         WHERE (tenant, subject) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
        [rows.map(({ tenant }) => tenant), rows.map(({ subject }) => subject)],
      );
      return rows.length === ROWS_PER_ROUND_MAX;
    });
  }
}
