import { rmSync } from "node:fs";
import { Redis } from "ioredis";
import type { LocalStack, StackOptions } from "../servers/start-stack.js";
import { startStack } from "../servers/start-stack.js";
import { makeTestDirectory, removeAbandonedTestDirectories } from "./directory.js";

/**
 * Every test has topics of its own, and a run ends with thousands of partitions: with the heap of a demo the broker spent its time on
 * collecting garbage after 190 sets of topics.
 */
const KAFKA_HEAP = "-Xmx1g";

/** What a test must not do to a Valkey that others use at the same time: cut their connections, or empty, set or end all of it. */
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
  /** Ends the servers and removes their data. */
  end(): Promise<void>;
}

/** Kafka, Valkey and Postgres for one test run, with no durability and on free ports. */
export async function runTestServers(
  options: Pick<StackOptions, "endOnSignals" | "onStep"> = {},
): Promise<TestServers> {
  await removeAbandonedTestDirectories();
  const directory = makeTestDirectory();
  const stack = await startStack({
    directory,
    isDurable: false,
    kafkaExtras: { jvmFlags: [KAFKA_HEAP] },
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

/** Set-up and teardown run in one process and meet here. */
export function keepTestServers(servers: TestServers): void {
  kept = servers;
}

export function takeTestServers(): TestServers | undefined {
  const servers = kept;
  kept = undefined;
  return servers;
}
