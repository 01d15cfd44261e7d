import { rmSync } from "node:fs";
import { join } from "node:path";
import { ensureTopics, giveAccess } from "@tripline/cli/commands/operate/topics";
import { transitKey } from "@tripline/contracts/redis-keys";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { readLetters } from "@tripline/kafka/dead-letters/return-letters";
import type { Kafka } from "@tripline/kafka/port";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { makeTestDirectory } from "@tripline/local-stack/testing/directory";
import { awaitRedis, connectRedis, requestRedis } from "@tripline/stores/redis/connect-redis";
import { COLLECTOR_USER, OPERATOR_USER, SETUP_USER } from "@tripline/system/access/access-rules";
import { databaseRoles } from "@tripline/system/access/plan-access";
import type { AttemptOutcome } from "@tripline/system/breach/attempt";
import { tryAll } from "@tripline/system/breach/attempt";
import { kafkaAttempts } from "@tripline/system/breach/kafka-attempts";
import { execute, postgresAttempts } from "@tripline/system/breach/postgres-attempts";
import { redisAttempts } from "@tripline/system/breach/redis-attempts";
import { tlsAttempts } from "@tripline/system/breach/tls-attempts";
import { kafkaFrom } from "@tripline/system/client/connect-system";
import { readTopic } from "@tripline/system/ledger/ledger";
import { LocalSecurity } from "@tripline/system/services/local-security";

/**
 * The short form of the journey `breach`: the real servers with the rights of infra/access.yaml, without the services.
 */

const START_MS_MAX = 180_000;
const TRY_MS_MAX = 240_000;

const FROM_BEFORE = `
  CREATE SCHEMA control;
  CREATE TABLE control.kept (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
  CREATE FUNCTION control.one() RETURNS int LANGUAGE sql AS 'SELECT 1'`;

const directory = makeTestDirectory();
let security: LocalSecurity;
let stack: LocalStack;

/** Environment of the installation job that creates topics, users and roles. */
function ofTheJob(): Readonly<Record<string, string>> {
  const { certificateFile, keyFile } = security.identityOf(SETUP_USER);
  const authority = security.authority.file;
  return {
    KAFKA_BROKERS: stack.kafkaBrokers.join(","),
    KAFKA_TLS: "true",
    KAFKA_CA_FILE: authority,
    KAFKA_CERT_FILE: certificateFile,
    KAFKA_KEY_FILE: keyFile,
    REDIS_URL: stack.redisUrl,
    REDIS_CA_FILE: authority,
    POSTGRES_URL: stack.postgresUrl,
    POSTGRES_CA_FILE: authority,
  };
}

beforeAll(async () => {
  security = await LocalSecurity.make(join(directory, "tls"));
  const secure = { security: security.stack, isDurable: false, endOnSignals: false };
  stack = await startStack({ directory: join(directory, "stack"), ...secure });
  // As in an old installation, in which services do not have their own roles.
  await execute(security, stack.postgresUrl, FROM_BEFORE);
  const said: string[] = [];
  await ensureTopics(kafkaFrom(ofTheJob()), { timeoutMs: START_MS_MAX, partitions: 6 }, () => undefined);
  await giveAccess(security.passwordFolder, ofTheJob(), (line) => said.push(line));
  await giveAccess(security.passwordFolder, ofTheJob(), (line) => said.push(line));
  expect(said.filter((line) => line.startsWith("Kafka"))).toEqual([
    expect.stringMatching(/^Kafka: \d{3} permissions added, 0 removed$/),
    "Kafka: 0 permissions added, 0 removed",
  ]);
  // The first request for a group creates the broker's internal topic. Until then, the broker rejects no attempt.
  const admin = await kafkaFrom(ofTheJob()).kafka.admin();
  expect(await admin.groupMembers("none")).toBe(0);
  await admin.close();
  for (const role of databaseRoles(security.rules)) {
    const { postgresUrl = "" } = security.accessOf(role, stack);
    await execute(security, postgresUrl, "CREATE TABLE schema_migrations (version int)");
  }
}, START_MS_MAX);

afterAll(async () => {
  await stack?.stop();
  rmSync(directory, { recursive: true, force: true });
}, START_MS_MAX);

const notRefused = (outcomes: readonly AttemptOutcome[]) =>
  outcomes.filter(({ refusedBy }) => refusedBy === undefined).map(({ who, what }) => `${who}: ${what}`);

test(
  "no service has unneeded permissions on Kafka, Redis and Postgres",
  async () => {
    const outcomes = await tryAll([
      ...tlsAttempts(security, stack),
      ...kafkaAttempts(security, stack.kafkaBrokers),
      ...redisAttempts(security, stack),
      ...postgresAttempts(security, stack),
    ]);
    expect(notRefused(outcomes)).toEqual([]);
    expect(outcomes.length).toBeGreaterThanOrEqual(60);
  },
  TRY_MS_MAX,
);

test("a service owns objects that were in its schema before it had a role", async () => {
  const { postgresUrl = "" } = security.accessOf("control", stack);
  await execute(security, postgresUrl, "ALTER TABLE control.kept ADD COLUMN more int");
  await execute(security, postgresUrl, "INSERT INTO control.kept (more) VALUES (1)");
  await execute(security, postgresUrl, "DROP FUNCTION control.one()");
});

/** Connects to Kafka with a client's certificate. */
function kafkaAs(name: string): Kafka {
  const tls = security.kafkaTls(name);
  return connectKafka({ brokers: stack.kafkaBrokers, clientId: name, security: { tls } });
}

test("an operator has the permissions that the commands need", async () => {
  for (const [who, topic] of [["decisions", "decisions"] as const, ["features", "transactions.dlq"] as const]) {
    const producer = await kafkaAs(who).producer();
    await producer.send([{ topic, key: "ct_1", value: Buffer.from("x"), headers: {} }]);
    await producer.close();
  }
  const kafka = kafkaAs(OPERATOR_USER);
  const read: string[] = [];
  await readTopic(kafka, "decisions", ({ topic }) => read.push(topic));
  await readLetters(kafka, "transactions", {
    onBatch: (records) => void read.push(...records.map(({ topic }) => topic)),
  });
  expect(read).toEqual(["decisions", "transactions.dlq"]);
  const admin = await kafka.admin();
  expect((await admin.endOffsets("audit")).size).toBe(1);
  expect(await admin.groupMembers("features")).toBe(0);
  expect((await admin.committedOffsets("features", "transactions")).size).toBe(0);
  await admin.close();
  const redis = connectRedis(security.accessOf(OPERATOR_USER, stack).redisUrl ?? "");
  await awaitRedis(redis);
  await requestRedis(() => redis.set("state:card:1:shop:c1", "x", "EX", 60));
  expect(await requestRedis(() => redis.scan(0, "MATCH", "state:*"))).toEqual(["0", ["state:card:1:shop:c1"]]);
  await requestRedis(() => redis.unlink("state:card:1:shop:c1"));
  redis.disconnect();
});

test("ingestion stores keys of attributes, and decisions reads them", async () => {
  const [writer, reader] = ["ingestion", "decisions"].map((who) =>
    connectRedis(security.accessOf(who, stack).redisUrl ?? ""),
  );
  if (writer === undefined || reader === undefined) throw new Error("no connections");
  await Promise.all([awaitRedis(writer), awaitRedis(reader)]);
  await requestRedis(() => writer.set(transitKey("01"), "x", "EX", 60));
  expect(await requestRedis(() => reader.get(transitKey("01")))).toBe("x");
  writer.disconnect();
  reader.disconnect();
});

test("the collector can monitor Kafka, Redis and Postgres", async () => {
  const { redisUrl = "", postgresUrl = "" } = security.accessOf(COLLECTOR_USER, stack);
  const admin = await kafkaAs(COLLECTOR_USER).admin();
  expect((await admin.endOffsets("audit")).size).toBe(1);
  expect(await admin.groupMembers("features")).toBe(0);
  expect((await admin.committedOffsets("features", "transactions")).size).toBe(0);
  await admin.close();
  const redis = connectRedis(redisUrl);
  await awaitRedis(redis);
  expect(await requestRedis(() => redis.info("memory"))).toMatch(/used_memory:\d+/);
  redis.disconnect();
  await execute(security, postgresUrl, "SELECT * FROM pg_stat_replication, pg_stat_bgwriter, pg_stat_database");
  await execute(security, postgresUrl, "SELECT pg_database_size(datname), pg_ls_waldir() FROM pg_database");
});
