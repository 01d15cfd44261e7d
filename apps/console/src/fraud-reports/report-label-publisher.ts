import { Inject, Injectable } from "@nestjs/common";
import { HEADERS } from "@tripline/contracts/headers";
import type { Topic } from "@tripline/contracts/topics";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventProducer, OutgoingRecord } from "@tripline/kafka/port";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { OutboxPublisher } from "@tripline/nest-kit/kafka/outbox-publisher";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { runAlone } from "@tripline/stores/postgres/run-alone";
import type { Logger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { BACKGROUND } from "../background.js";

const RECORDS_PER_ROUND_MAX = 500;

const queuedRow = z.object({
  id: z.string(),
  tenant: z.string(),
  card_token: z.string(),
  record: z.instanceof(Buffer),
});
type QueuedRecord = z.infer<typeof queuedRow>;

interface Round {
  readonly isMore: boolean;
  readonly failed: PromiseSettledResult<void> | undefined;
}
const NOTHING_SENT: Round = { isMore: false, failed: undefined };

/** Sends matched reports and the labels derived from reports to Kafka. While Kafka is unavailable, they wait in Postgres. */
@Injectable()
export class ReportLabelPublisher extends OutboxPublisher {
  constructor(
    @Inject(BACKGROUND) private readonly database: Database,
    @Inject(EVENT_PRODUCER) private readonly producer: EventProducer,
    @Inject(LOGGER) logger: Logger,
  ) {
    super({
      what: "fraud reports or their labels",
      gauge: "tripline_console_report_labels_unpublished_seconds",
      logger,
      round: () => this.#round(),
    });
  }

  async #round(): Promise<boolean> {
    // The topics are published one after another, because each occupies a background connection while it waits for
    // Kafka. A failure does not stop the next one: an unavailable partition of one topic must not block the other.
    const rounds = [
      ...(await Promise.allSettled([this.#publish("report_labels", TOPICS.labels)])),
      ...(await Promise.allSettled([this.#publish("matched_reports", TOPICS.fraudReports)])),
    ];
    const failed = rounds.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
    return rounds.some((round) => round.status === "fulfilled" && round.value);
  }

  async #publish(outbox: string, topic: Topic): Promise<boolean> {
    // Only one instance publishes at a time, so that records keep their order. The other instances skip the round.
    const { isMore, failed } = await runAlone<Round>(
      this.database,
      `console.${outbox}`,
      NOTHING_SENT,
      async (transaction) => {
        const rows = await transaction.query(
          queuedRow,
          `SELECT id, tenant, card_token, record FROM console.${outbox} ORDER BY id LIMIT $1`,
          [RECORDS_PER_ROUND_MAX],
        );
        // Sends each card's records separately, so that an unavailable partition does not cause the rest to be sent again.
        const cards = [...Map.groupBy(rows, ({ card_token }) => card_token).values()];
        const sent = await Promise.allSettled(
          cards.map((records) => this.producer.send(records.map((record) => recordOf(topic, record)))),
        );
        const ids = cards.flatMap((records, card) =>
          sent[card]?.status === "fulfilled" ? records.map(({ id }) => id) : [],
        );
        if (ids.length > 0) {
          await transaction.execute(`DELETE FROM console.${outbox} WHERE id = ANY ($1::bigint[])`, [ids]);
        }
        return {
          isMore: rows.length === RECORDS_PER_ROUND_MAX,
          failed: sent.find(({ status }) => status === "rejected"),
        };
      },
    );
    // Fails only after the commit, so that records already sent are not sent again.
    if (failed?.status === "rejected") throw failed.reason;
    return isMore;
  }
}

function recordOf(
  { name: topic, schema }: Topic,
  { tenant, card_token: key, record: value }: QueuedRecord,
): OutgoingRecord {
  return { topic, key, value, headers: { [HEADERS.schema]: schema, [HEADERS.tenant]: tenant } };
}
