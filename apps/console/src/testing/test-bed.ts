import { randomBytes, randomUUID } from "node:crypto";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventProducer, Kafka } from "@tripline/kafka/port";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { TEST_PARTITIONS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import type { ConsoleConfig } from "../config.js";
import { consoleConfig } from "../config.js";
import { startConsole } from "../start-console.js";
import { TestBrowser } from "./test-browser.js";
import type { TestIssuer, TestPerson } from "./test-issuer.js";
import { CLIENT_SECRET, startTestIssuer } from "./test-issuer.js";

const VIEWER = "decisions:read cases:read features:read policy:read lists:read models:read overview:read";
const ANALYST = `${VIEWER} cases:write labels:write lists:write personal:read`;

/** Users of the tests by role. Each run has its own tenant, to isolate it from other runs. */
export function testPeople(tenant: string) {
  const person = (id: string, name: string, role: string, scope: string): TestPerson => {
    return { id: `${tenant}-${id}`, name, tenant, roles: [role], scope };
  };
  return {
    viewer: person("vera", "Vera", "viewer", VIEWER),
    analyst: person("ana", "Ana", "analyst", ANALYST),
    second: person("ben", "Ben", "analyst", ANALYST),
  };
}

/** The service on the test run's shared Kafka and Postgres, with its own issuer. */
export interface TestBed {
  readonly stack: TestStack;
  readonly kafka: Kafka;
  readonly producer: EventProducer;
  readonly database: Database;
  readonly issuer: TestIssuer;
  readonly tenant: string;
  readonly people: ReturnType<typeof testPeople>;
  readonly service: RunningService;
  readonly config: ConsoleConfig;
  /** A browser in which the user is signed in. */
  as(person: TestPerson): Promise<TestBrowser>;
  /** Ends the service and starts it again on the same port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** @param environment differences from the defaults */
export async function startTestBed(environment: Readonly<Record<string, string>> = {}): Promise<TestBed> {
  const [stack, [port = 0]] = await Promise.all([testStack(), findFreePorts(1)]);
  const url = `http://127.0.0.1:${port}`;
  const tenant = `t-${randomUUID().slice(0, 8)}`;
  const people = testPeople(tenant);
  const issuer = await startTestIssuer(() => `${url}/session/callback`, people.analyst);
  const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test", topicPrefix: stack.topicPrefix });
  const admin = await kafka.admin();
  await admin.ensureTopics({ partitions: TEST_PARTITIONS });
  await admin.close();
  const config = readConfig(consoleConfig, {
    PORT: String(port),
    LOG_LEVEL: "silent",
    KAFKA_BROKERS: stack.kafkaBrokers.join(","),
    KAFKA_TOPIC_PREFIX: stack.topicPrefix,
    POSTGRES_URL: stack.postgresUrl,
    AUTH_ISSUER: issuer.url,
    AUTH_JWKS_URL: `${issuer.url}/oauth/jwks`,
    AUTH_TOKEN_URL: `${issuer.url}/oauth/token`,
    CONSOLE_URL: url,
    CONSOLE_CLIENT_SECRET: CLIENT_SECRET,
    SESSION_KEY: randomBytes(32).toString("base64"),
    INGESTION_URL: "http://127.0.0.1:1",
    CONTROL_URL: "http://127.0.0.1:1",
    VERDICT_HOLD_SECONDS: "0",
    ...environment,
  });
  const producer = await kafka.producer({ lingerMs: 0 });
  const database = connectDatabase({
    url: stack.postgresUrl,
    connectionsMax: 2,
    queryTimeoutMs: 10_000,
    onIdleError: () => {},
  });
  let service = await startConsole(config);
  return {
    stack,
    kafka,
    producer,
    database,
    issuer,
    tenant,
    people,
    config,
    get service() {
      return service;
    },
    async as(person) {
      issuer.person = person;
      const browser = new TestBrowser(url);
      await browser.signIn();
      return browser;
    },
    async restart() {
      await service.close();
      service = await startConsole(config);
    },
    async close() {
      await service.close();
      issuer.close();
      await producer.close();
      await database.close();
    },
  };
}
