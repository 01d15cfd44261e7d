import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { TEST_PARTITIONS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import type { ReadTexts } from "../single-sign-on/provider-domains.js";
import { startAuth } from "../start-auth.js";
import { PEOPLE_ENVIRONMENT } from "./browser.js";
import { testConfig } from "./service.js";

/** A service with sign-in, and its database. */
export interface SignInBed {
  readonly service: RunningService;
  readonly database: Database;
  readonly stack: TestStack;
  close(): Promise<void>;
}

/**
 * @param environment in addition to the settings for sign-in
 * @param hasKafka whether revocations are published; otherwise, each one waits for Kafka for some seconds
 * @param readTexts replaces DNS
 */
export async function startSignInBed(
  environment: Readonly<Record<string, string>> = {},
  hasKafka = false,
  readTexts?: ReadTexts,
): Promise<SignInBed> {
  const stack = await testStack();
  const { postgresUrl } = stack;
  const kafka = hasKafka ? await kafkaOf(stack) : {};
  const config = testConfig(postgresUrl, { ...PEOPLE_ENVIRONMENT, ...kafka, ...environment });
  const service = await startAuth(config, undefined, readTexts);
  const database = connectDatabase({ url: postgresUrl, connectionsMax: 2, queryTimeoutMs: 5_000, onIdleError() {} });
  const close = async () => {
    await service.close();
    await database.close();
  };
  return { service, database, stack, close };
}

async function kafkaOf({ kafkaBrokers, topicPrefix }: TestStack): Promise<Record<string, string>> {
  const admin = await connectKafka({ brokers: kafkaBrokers, clientId: "test", topicPrefix }).admin();
  await admin.ensureTopics({ partitions: TEST_PARTITIONS });
  await admin.close();
  return { KAFKA_BROKERS: kafkaBrokers.join(","), KAFKA_TOPIC_PREFIX: topicPrefix };
}
