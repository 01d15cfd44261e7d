import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { testStack } from "@tripline/local-stack/testing/stack";
import { writeLoggedFeatures } from "./write-replay-log.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tripline-replay-log-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const { features, version } = currentFeatureSpec();

function vector(tenant: string, clientTransactionId: string, value: number): FeatureVector {
  return {
    transaction: {
      transactionId: transactionId(tenant, clientTransactionId),
      tenant,
      clientTransactionId,
      cardToken: "",
      ...UNSENT,
      terminalId: "t",
      amountMinor: 1,
      currency: "EUR",
      occurredAtMs: 0,
      acceptedAtMs: 0,
    },
    specVersion: version,
    values: features.map(() => value),
    computedAtMs: 0,
    sequences: [],
    tooLate: false,
    incomplete: false,
    profileTimesMs: [],
  };
}

test("writes the tenant's own features if another tenant has payments with the same IDs", async () => {
  const { kafkaBrokers: brokers, topicPrefix } = await testStack();
  const kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
  const producer = await kafka.producer();
  const vectors = [vector("umbrella", "order-1", 7), vector("acme", "order-1", 5), vector("acme", "order-1", 5)];
  const topic = TOPICS.features.name;
  await producer.send(
    vectors.map((each) => ({ topic, key: "ct", value: FeatureVector.encode(each).finish(), headers: {} })),
  );
  await producer.close();
  const path = join(folder, "features.parquet");
  await writeLoggedFeatures(path, kafka, "acme");
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const name = features[0]?.name ?? "";
  const reader = await connection.runAndReadAll(`SELECT client_transaction_id AS id, ${name} AS value FROM '${path}'`);
  const rows = reader.getRowObjects();
  connection.closeSync();
  instance.closeSync();
  expect(rows).toEqual([{ id: "order-1", value: 5 }]);
});
