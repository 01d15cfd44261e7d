import { readFileSync } from "node:fs";
import { DecisionStore } from "@tripline/decisions/deciding/decision-store";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { readAccessRules } from "@tripline/system/access/access-rules";
import { redisUsers } from "@tripline/system/access/plan-access";
import type { Redis } from "ioredis";

const MODULE = new URL("../../../../infra/modules/cache/aws/main.tf", import.meta.url);
const GROUPS = /^ *commands += "(.+)"$/m;
const USER = `elasticache-${process.pid}`;
const DECISIONS_USER = `decisions-${process.pid}`;

let redis: Redis;

beforeAll(async () => {
  redis = connectRedis((await testStack()).redisUrl, undefined, REDIS_PATIENCE_MS);
  await awaitRedis(redis);
});

afterAll(async () => {
  await redis.acl("DELUSER", USER, DECISIONS_USER);
  redis.disconnect();
});

/** A command with the minimum number of arguments. */
async function shortestCall(command: string): Promise<readonly string[]> {
  const info: unknown = await redis.command("INFO", command);
  const arity: unknown = Array.isArray(info) && Array.isArray(info[0]) ? info[0][1] : undefined;
  if (typeof arity !== "number") throw new Error(`Valkey does not know the command ${command}.`);
  const words = command.split("|");
  return [...words, ...Array.from({ length: Math.abs(arity) - words.length }, () => "0")];
}

test("ElastiCache's command groups contain every command that access.yaml grants", async () => {
  const groups = GROUPS.exec(readFileSync(MODULE, "utf8"))?.[1]?.split(" ") ?? [];
  expect(groups[0]).toBe("-@all");
  await redis.acl("SETUSER", USER, "reset", "on", "nopass", "~*", "&*", ...groups);
  const rights = [...redisUsers(readAccessRules(), true).values()].flat();
  const commands = new Set(rights.filter((right) => right.startsWith("+")).map((right) => right.slice(1)));
  expect(commands.size).toBeGreaterThan(30);
  for (const command of commands) {
    const call = await shortestCall(command);
    expect([command, await redis.call("ACL", "DRYRUN", USER, ...call)]).toEqual([command, "OK"]);
  }
});

test("regression #31: decisions may run every command of the script that counts budgets", async () => {
  const rights = redisUsers(readAccessRules(), true).get("decisions") ?? [];
  await redis.acl("SETUSER", DECISIONS_USER, "reset", "on", "nopass", ...rights);
  const restricted = redis.duplicate();
  try {
    await awaitRedis(restricted);
    await restricted.auth(DECISIONS_USER, "any");
    const store = new DecisionStore(restricted, { DECISION_TTL_HOURS: 1 });
    const take = { tenant: "rights", what: "explored-eur", day: "2026-07-01", perDay: 3e15, isCharged: true };
    const bytes = Uint8Array.of(1);
    for (const [index, units] of [1, 2e15].entries()) {
      const transactionId = `rights_${index}`;
      expect(await store.putIfAbsent([{ transactionId, bytes, takes: { ...take, units } }])).toEqual([bytes]);
    }
    expect(await redis.get("budget:rights:explored-eur:2026-07-01")).toBe("2000000000000001");
  } finally {
    restricted.disconnect();
  }
});
