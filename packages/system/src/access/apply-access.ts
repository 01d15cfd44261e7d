import type { Kafka } from "@tripline/kafka/port";
import type { RedisConfig } from "@tripline/settings/connection-config";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import type { DatabaseAddress } from "@tripline/stores/postgres/reach-database";
import { readNodes } from "@tripline/stores/redis/cluster-nodes";
import { awaitRedis, connectNode, connectRedis, requestRedis } from "@tripline/stores/redis/connect-redis";
import { MultiSet } from "@tripline/stores/redis/multi-set";
import type { AccessRules } from "./access-rules.js";
import { COLLECTOR_USER } from "./access-rules.js";
import { databaseStatements, kafkaRights, redisSecret, redisUsers } from "./plan-access.js";

const QUERY_MS_MAX = 30_000;

/** Connections with permission to grant access. Servers without a connection are skipped. */
export interface AccessTargets {
  readonly kafka?: Kafka;
  readonly redis?: RedisConfig | string;
  readonly database?: DatabaseAddress;
}

/** Passwords of Redis users and database roles, by name. */
export type Passwords = Readonly<Record<string, string>>;

/**
 * Grants every service exactly the access of infra/access.yaml, once the topics exist. Idempotent.
 *
 * @returns one line per server that describes what was done
 * @throws TriplineError `kafka-unavailable`, `redis-unavailable` or `database-unavailable`
 */
export async function applyAccess(
  rules: AccessRules,
  { kafka, redis, database }: AccessTargets,
  passwords: Passwords,
): Promise<readonly string[]> {
  return [
    ...(kafka === undefined ? [] : [await giveKafkaRights(rules, kafka)]),
    ...(redis === undefined ? [] : [await makeRedisUsers(rules, redis, passwords)]),
    ...(database === undefined ? [] : [await makeDatabaseRoles(rules, database, passwords)]),
  ];
}

async function giveKafkaRights(rules: AccessRules, kafka: Kafka): Promise<string> {
  const admin = await kafka.admin();
  try {
    const { added, removed } = await admin.setRights(kafkaRights(rules));
    return `Kafka: ${added} permissions added, ${removed} removed`;
  } finally {
    await admin.close();
  }
}

/** A server without an ACL file loses its users when it restarts. */
const NO_FILE = /not configured to use an ACL file/;

/** In a cluster, each node has its own users. */
async function makeRedisUsers(rules: AccessRules, target: RedisConfig | string, passwords: Passwords): Promise<string> {
  if (typeof target === "string" || !target.REDIS_CLUSTER) {
    return makeUsersAt(connectRedis(target, undefined, QUERY_MS_MAX), rules, passwords);
  }
  const nodes = await readNodes(target);
  const made = await Promise.all(nodes.map((node) => makeUsersAt(connectNode(target, node), rules, passwords)));
  return `${made[0]} on each of ${nodes.length} nodes`;
}

async function makeUsersAt(
  redis: ReturnType<typeof connectRedis>,
  rules: AccessRules,
  passwords: Passwords,
): Promise<string> {
  try {
    await awaitRedis(redis);
    const users = redisUsers(rules, await requestRedis(() => new MultiSet(redis).isKnown()));
    for (const [user, rights] of users) {
      if (user === COLLECTOR_USER && passwords[user] === undefined) continue;
      const secret = redisSecret(passwordOf(passwords, user));
      await requestRedis(() => redis.call("ACL", "SETUSER", user, "reset", "on", secret, ...rights));
    }
    await redis.call("ACL", "SAVE").catch((error: unknown) => {
      if (!(error instanceof Error && NO_FILE.test(error.message))) throw error;
    });
    return `Redis: ${users.size} users`;
  } finally {
    redis.disconnect();
  }
}

async function makeDatabaseRoles(rules: AccessRules, address: DatabaseAddress, passwords: Passwords): Promise<string> {
  const database = connectDatabase({
    ...address,
    connectionsMax: 1,
    queryTimeoutMs: QUERY_MS_MAX,
    onIdleError: () => undefined,
  });
  try {
    const name = decodeURIComponent(new URL(address.url).pathname.slice(1));
    const statements = databaseStatements(rules, name, passwords);
    await database.transaction(async (transaction) => {
      for (const statement of statements) await transaction.execute(statement);
    });
    return "PostgreSQL: a role and a schema for each service";
  } finally {
    await database.close();
  }
}

/** @throws Error for a user without a password */
export function passwordOf(passwords: Passwords, user: string): string {
  const password = passwords[user];
  if (password === undefined) throw new Error(`There is no password for ${user}.`);
  return password;
}
