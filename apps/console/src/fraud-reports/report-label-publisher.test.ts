import { TriplineError } from "@tripline/contracts/error-table";
import type { OutgoingRecord } from "@tripline/kafka/port";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { createLogger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { CONSOLE_MIGRATIONS } from "../migrations.js";
import { newCard } from "../testing/test-records.js";
import { ReportLabelPublisher } from "./report-label-publisher.js";

const LOGGER = createLogger("console", "silent");

let database: Database;

beforeAll(async () => {
  const { postgresUrl: url } = await testStack();
  database = connectDatabase({ url, connectionsMax: 3, queryTimeoutMs: 10_000, onIdleError() {} });
  await database.transaction((transaction) => migrateDatabase(transaction, CONSOLE_MIGRATIONS));
});
afterAll(() => database?.close());

async function queue(...cards: string[]): Promise<void> {
  for (const card of cards) {
    await database.execute(
      "INSERT INTO console.report_labels (tenant, card_token, queued_at_ms, record) VALUES ('acme', $1, 1, $2)",
      [card, Buffer.from("label")],
    );
  }
}

const waiting = async (): Promise<string[]> => {
  const rows = await database.query(
    z.object({ card_token: z.string() }),
    "SELECT card_token FROM console.report_labels ORDER BY id",
    [],
  );
  return rows.map(({ card_token }) => card_token);
};

/** An instance with its first round. */
function instance(send: (records: readonly OutgoingRecord[]) => Promise<void>) {
  const round = Promise.withResolvers<unknown>();
  const watched: Database = {
    ...database,
    transaction(run) {
      const result = database.transaction(run);
      round.resolve(result);
      return result;
    },
  };
  const publisher = new ReportLabelPublisher(watched, { send, async close() {} }, LOGGER);
  publisher.onApplicationBootstrap();
  return { publisher, round: round.promise };
}

test("regression #30: an instance skips its round while another instance publishes labels", async () => {
  const card = newCard();
  await queue(card, card);
  const started = Promise.withResolvers<readonly OutgoingRecord[]>();
  const acknowledged = Promise.withResolvers<void>();
  const first = instance((records) => {
    started.resolve(records);
    return acknowledged.promise;
  });
  await expect(started.promise).resolves.toHaveLength(2);
  const idle: OutgoingRecord[] = [];
  const second = instance(async (records) => void idle.push(...records));
  await second.round;
  expect(idle).toEqual([]);
  acknowledged.resolve();
  await first.round;
  await expect(waiting()).resolves.toEqual([]);
  for (const { publisher } of [first, second]) await publisher.onApplicationShutdown();
});

test("regression #30: does not resend labels that Kafka has acknowledged while another partition is unavailable", async () => {
  const [dead, well] = [newCard(), newCard()];
  await queue(dead, well, dead);
  const { publisher, round } = instance(async (records) => {
    if (records.some(({ key }) => key === dead)) throw new TriplineError("kafka-unavailable", "The partition is down.");
  });
  await round;
  await expect(waiting()).resolves.toEqual([dead, dead]);
  await publisher.onApplicationShutdown();
  expect(publisher.note).toBe("fraud reports or their labels cannot be published");
  await database.execute("DELETE FROM console.report_labels");
});
