import { randomBytes } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import { Redis } from "ioredis";
import pg from "pg";
import { z } from "zod";
import { REDIS_DATABASES } from "../servers/plan-redis.js";

/** One test's own part of the Kafka, Valkey and Postgres servers that the whole run shares. */
export interface TestStack {
  readonly kafkaBrokers: string[];
  /** Prefix of every topic and group name; random. */
  readonly topicPrefix: string;
  /** An empty, separate database. */
  readonly redisUrl: string;
  /** An empty, separate database. */
  readonly postgresUrl: string;
}

/** The environment variable with the addresses of the shared servers, as JSON, for the workers of a test run. */
export const TEST_STACK_VARIABLE = "TRIPLINE_TEST_STACK";

export const testStackAddresses = z.object({
  kafkaBrokers: z.array(z.string()).min(1),
  redisUrl: z.url(),
  postgresUrl: z.url(),
});

/**
 * How long a test waits for a Redis reply, in milliseconds, unless it tests missing replies. A payment's timeout would
 * be too short on a machine that runs all tests and sometimes stalls for a second.
 */
export const REDIS_PATIENCE_MS = 30_000;

/**
 * Partitions of the topics of payments: one for each of at most three instances in a test. Many tests create all topics
 * again, and each partition costs the broker several milliseconds of CPU time.
 */
export const TEST_PARTITIONS = 3;

/** Prefix of the topic names of a lane's tests. */
export function laneNames(lane: number | string): string {
  return `t${lane}x`;
}

/** A new part of the shared servers, created within a few milliseconds. It does not have to be released. */
export async function testStack(): Promise<TestStack> {
  const value = process.env[TEST_STACK_VARIABLE];
  if (value === undefined) {
    const detail = `${TEST_STACK_VARIABLE} is not set: run the tests with the jest.config.js at the root, which starts the servers.`;
    throw new TriplineError("config-invalid", detail);
  }
  const shared = testStackAddresses.parse(JSON.parse(value));
  const name = `${laneNames(process.env.TRIPLINE_TEST_LANE ?? "0")}${randomBytes(4).toString("hex")}`;
  const [redisUrl, postgresUrl] = await Promise.all([
    emptyRedisDatabase(shared.redisUrl),
    emptyPostgresDatabase(shared.postgresUrl, name),
  ]);
  return { kafkaBrokers: shared.kafkaBrokers, topicPrefix: `${name}.`, redisUrl, postgresUrl };
}

/** Databases are assigned in turn; number 0 stores the counter. */
async function emptyRedisDatabase(url: string): Promise<string> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  try {
    const count = await redis.incr("test-databases-handed-out");
    const database = 1 + ((count - 1) % (REDIS_DATABASES - 1));
    await redis.select(database);
    await redis.flushdb();
    return new URL(`/${database}`, url).href;
  } finally {
    redis.disconnect();
  }
}

async function emptyPostgresDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)} TEMPLATE template0`);
    return new URL(`/${name}`, url).href;
  } finally {
    await client.end();
  }
}
