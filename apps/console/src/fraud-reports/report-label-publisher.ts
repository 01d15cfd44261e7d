import type { OnApplicationBootstrap, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventProducer } from "@tripline/kafka/port";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { OutboxPublisher } from "@tripline/nest-kit/kafka/outbox-publisher";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { BACKGROUND } from "../background.js";

const LABELS_PER_ROUND_MAX = 500;

const queuedRow = z.object({
  id: z.string(),
  tenant: z.string(),
  card_token: z.string(),
  record: z.instanceof(Buffer),
});

/** Sends labels that were derived from reports to Kafka, in order. While Kafka is unavailable, they wait in Postgres. */
@Injectable()
export class ReportLabelPublisher implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #outbox: OutboxPublisher;

  constructor(
    @Inject(BACKGROUND) private readonly database: Database,
    @Inject(EVENT_PRODUCER) private readonly producer: EventProducer,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#outbox = new OutboxPublisher({
      what: "labels from fraud reports",
      gauge: "tripline_console_report_labels_unpublished_seconds",
      logger,
      round: () => this.#round(),
    });
  }

  onApplicationBootstrap(): void {
    this.#outbox.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await closeWithin(this.logger, "labels from fraud reports", () => this.#outbox.close());
  }

  #round(): Promise<boolean> {
    return this.database.transaction(async (transaction) => {
      // Locked in order, so that a second instance waits and does not overtake.
      const rows = await transaction.query(
        queuedRow,
        "SELECT id, tenant, card_token, record FROM console.report_labels ORDER BY id LIMIT $1 FOR UPDATE",
        [LABELS_PER_ROUND_MAX],
      );
      if (rows.length === 0) return false;
      const { name: topic, schema } = TOPICS.labels;
      await this.producer.send(
        rows.map(({ tenant, card_token: key, record: value }) => {
          return { topic, key, value, headers: { [HEADERS.schema]: schema, [HEADERS.tenant]: tenant } };
        }),
      );
      const ids = rows.map(({ id }) => id);
      await transaction.execute("DELETE FROM console.report_labels WHERE id = ANY ($1::bigint[])", [ids]);
      return rows.length === LABELS_PER_ROUND_MAX;
    });
  }
}
