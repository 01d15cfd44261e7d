import { Redis } from "ioredis";
import pg from "pg";
import { testStack } from "./stack.js";

describe("testStack", () => {
  test("gives each call an empty Redis database, an empty Postgres database and its own topic prefix", async () => {
    const first = await testStack();
    const redis = new Redis(first.redisUrl);
    const postgres = new pg.Client({ connectionString: first.postgresUrl });
    await postgres.connect();
    try {
      await redis.set("key", "value");
      await postgres.query("CREATE TABLE payment (id integer)");
      const second = await testStack();
      expect(second.topicPrefix).toMatch(/^t\dx[0-9a-f]{8}\.$/);
      expect(second.topicPrefix).not.toBe(first.topicPrefix);
      expect(await keysOf(second.redisUrl)).toEqual([]);
      expect(await keysOf(first.redisUrl)).toEqual(["key"]);
      expect(await tablesOf(second.postgresUrl)).toEqual([]);
      expect(await tablesOf(first.postgresUrl)).toEqual(["payment"]);
    } finally {
      redis.disconnect();
      await postgres.end();
    }
  });

  test("the shared Valkey rejects commands that would affect other tests", async () => {
    const redis = new Redis((await testStack()).redisUrl);
    try {
      const shared = [["flushall"], ["client", "kill", "type", "normal"], ["config", "set", "maxmemory", "1"]] as const;
      for (const [command, ...args] of shared) await expect(redis.call(command, ...args)).rejects.toThrow(/NOPERM/);
      await expect(redis.flushdb()).resolves.toBe("OK");
    } finally {
      redis.disconnect();
    }
  });
});

async function keysOf(url: string): Promise<string[]> {
  const redis = new Redis(url);
  try {
    return await redis.keys("*");
  } finally {
    redis.disconnect();
  }
}

async function tablesOf(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query<{ name: string }>(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
    );
    return result.rows.map((row) => row.name);
  } finally {
    await client.end();
  }
}
