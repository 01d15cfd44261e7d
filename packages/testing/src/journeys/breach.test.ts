import { rmSync } from "node:fs";
import { join } from "node:path";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { makeTestDirectory } from "@tripline/local-stack/testing/directory";
import { databaseRoles } from "@tripline/system/access/plan-access";
import type { AttemptOutcome } from "@tripline/system/breach/attempt";
import { tryAll } from "@tripline/system/breach/attempt";
import { kafkaAttempts } from "@tripline/system/breach/kafka-attempts";
import { execute, postgresAttempts } from "@tripline/system/breach/postgres-attempts";
import { redisAttempts } from "@tripline/system/breach/redis-attempts";
import { tlsAttempts } from "@tripline/system/breach/tls-attempts";
import { LocalSecurity, SETUP_USER } from "@tripline/system/services/local-security";

/** The short form of the journey `breach`: the real servers with the rights of infra/access.yaml, without the services. */

const START_MS_MAX = 180_000;
const TRY_MS_MAX = 240_000;

const directory = makeTestDirectory();
let security: LocalSecurity;
let stack: LocalStack;

beforeAll(async () => {
  security = await LocalSecurity.make(join(directory, "tls"));
  const secure = { security: security.stack, isDurable: false, endOnSignals: false };
  stack = await startStack({ directory: join(directory, "stack"), ...secure });
  const kafka = connectKafka({
    ...{ brokers: stack.kafkaBrokers, clientId: "test" },
    security: { tls: security.kafkaTls(SETUP_USER) },
  });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
  await security.giveRights(kafka, stack.postgresUrl);
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
  "no service can do on Kafka, Redis and Postgres what it need not do",
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
