import { randomUUID } from "node:crypto";
import { CaseEventKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { OutgoingRecord } from "@tripline/kafka/port";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { createLogger } from "@tripline/telemetry/logger";
import { CONSOLE_MIGRATIONS } from "../migrations.js";
import { CaseEventPublisher } from "./case-event-publisher.js";

const LOGGER = createLogger("console", "silent");

let database: Database;

beforeAll(async () => {
  const { postgresUrl: url } = await testStack();
  database = connectDatabase({ url, connectionsMax: 3, queryTimeoutMs: 10_000, onIdleError() {} });
  await database.transaction((transaction) => migrateDatabase(transaction, CONSOLE_MIGRATIONS));
});
afterAll(() => database?.close());

/** An instance with its first round and its first send, which completes when the test resolves it. */
function instance() {
  const round = Promise.withResolvers<unknown>();
  const send = Promise.withResolvers<readonly OutgoingRecord[]>();
  const acknowledged = Promise.withResolvers<void>();
  const watched: Database = {
    ...database,
    transaction(run) {
      const result = database.transaction(run);
      round.resolve(result);
      return result;
    },
  };
  const producer = {
    send(records: readonly OutgoingRecord[]) {
      send.resolve(records);
      return acknowledged.promise;
    },
    async close() {},
  };
  const publisher = new CaseEventPublisher(watched, producer, LOGGER);
  publisher.onApplicationBootstrap();
  return { publisher, round: round.promise, sent: send.promise, acknowledge: acknowledged.resolve };
}

test("regression #30: an instance skips its round without an error while another publishes events", async () => {
  const cases = [randomUUID(), randomUUID()];
  for (const id of cases) {
    await database.execute(
      `INSERT INTO console.case_outbox (case_id, tenant, kind, revision, at_ms, payments) VALUES ($1, 'acme', $2, 1, 1, 1)`,
      [id, CaseEventKind.OPENED],
    );
  }
  const first = instance();
  const sent = await first.sent;
  expect(sent.map(({ key }) => key)).toEqual(cases);
  const second = instance();
  await expect(second.round).resolves.toBe(false);
  expect(second.publisher.note).toBeUndefined();
  first.acknowledge();
  await expect(first.round).resolves.toBe(false);
  await expect(database.execute("SELECT FROM console.case_outbox")).resolves.toBe(0);
  for (const { publisher } of [first, second]) await publisher.onApplicationShutdown();
});
