import { rmSync } from "node:fs";
import { Redis } from "ioredis";
import type { LocalStack, StackOptions } from "../servers/start-stack.js";
import { startStack } from "../servers/start-stack.js";
import { makeTestDirectory, removeAbandonedTestDirectories } from "./directory.js";
import { storeKafkaClasses } from "./store-kafka-classes.js";

/**
 * Every test has its own topics, so there are thousands of partitions by the end of a run. With the demo's heap size,
 * the broker spent its time on garbage collection after 190 sets of topics.
 */
const KAFKA_HEAP = "-Xmx1g";

/**
 * Commands that a test must not use on a shared Valkey: they disconnect other clients, or affect or stop the whole
 * server.
 */
const NOT_SHARED = [
  "client|kill",
  "client|pause",
  "config|set",
  "debug",
  "failover",
  "flushall",
  "replicaof",
  "shutdown",
];

export interface TestServers {
  readonly stack: LocalStack;
  /** Stops the servers and removes their data. */
  end(): Promise<void>;
}

/** Kafka, Valkey and Postgres for one test run, without durability and on free ports. */
export async function runTestServers(
  options: Pick<StackOptions, "endOnSignals" | "onStep"> = {},
): Promise<TestServers> {
  await removeAbandonedTestDirectories();
  await storeKafkaClasses();
  const directory = makeTestDirectory();
  const stack = await startStack({
    directory,
    isDurable: false,
    kafkaExtras: { jvmFlags: [KAFKA_HEAP], settings: { "log.segment.delete.delay.ms": "1000" } },
    ...options,
  });
  await forbidOnShared(stack.redisUrl);
  return {
    stack,
    end: async () => {
      await stack.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function forbidOnShared(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl);
  try {
    await redis.acl("SETUSER", "default", ...NOT_SHARED.map((command) => `-${command}`));
  } finally {
    redis.disconnect();
  }
}

let kept: TestServers | undefined;

/** Set-up and teardown run in one process and share this state. */
export function keepTestServers(servers: TestServers): void {
  kept = servers;
}

export function takeTestServers(): TestServers | undefined {
  const servers = kept;
  kept = undefined;
  return servers;
}
