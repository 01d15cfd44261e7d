import { transitKey } from "@tripline/contracts/redis-keys";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { COLLECTOR_USER, OPERATOR_USER } from "../access/access-rules.js";
import type { LocalSecurity, ServiceAddresses } from "../services/local-security.js";
import { SNAPSHOTS } from "../services/plan-snapshots.js";
import type { Attempt } from "./attempt.js";

const NOT_ALLOWED = /^NOPERM/;
const ANSWER_MS_MAX = 10_000;

/** One key per owner, in the services' format. */
const KEYS = {
  ingestion: "idem:shop:order-1",
  features: "state:card:1:shop:c1",
  decisions: "budget:shop:challenge:2026-01-01",
} as const;

/** Ingestion writes keys for attributes, and the decision service reads them. */
const TRANSIT_KEY = transitKey("00");

/** Commands that no service may use, with any key. */
const COMMANDS: readonly (readonly [string, ...string[]])[] = [
  ["FLUSHALL"],
  ["KEYS", "*"],
  ["CONFIG", "GET", "*"],
  ["ACL", "SETUSER", "breach", "on", "nopass", "~*", "+@all"],
  ["MONITOR"],
];

/** Attempts by each service on Redis, with its own password. */
export function redisAttempts(security: LocalSecurity, stack: ServiceAddresses): readonly Attempt[] {
  return [...Object.keys(security.rules.cache_rights), COLLECTOR_USER].flatMap((who) => {
    const { redisUrl = "" } = security.accessOf(who, stack);
    const attempt = (what: string, command: readonly [string, ...string[]]): Attempt => {
      return { who, where: "Redis", what, refusal: NOT_ALLOWED, try: () => sendRequest(redisUrl, command) };
    };
    // These commands rebuild the feature service's state.
    const own = who === OPERATOR_USER || who === SNAPSHOTS ? "features" : who;
    const others = Object.entries(KEYS).filter(([owner]) => owner !== own);
    return [
      ...others.flatMap(([owner, key]) => [
        attempt(`read a key of ${owner}`, ["GET", key]),
        attempt(`change a key of ${owner}`, ["SET", key, "breach"]),
      ]),
      ...COMMANDS.map((command) => attempt(command.join(" "), command)),
      ...(who === "ingestion"
        ? [attempt("change a decision", ["SET", "decision:txn_1", "approve"])]
        : [attempt("change a key for attributes", ["SET", TRANSIT_KEY, "breach"])]),
      ...(who === "ingestion" || who === "decisions"
        ? []
        : [attempt("read a key for attributes", ["GET", TRANSIT_KEY])]),
    ];
  });
}

async function sendRequest(url: string, [name, ...args]: readonly [string, ...string[]]): Promise<unknown> {
  const redis = connectRedis(url, undefined, ANSWER_MS_MAX);
  try {
    await awaitRedis(redis);
    return await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}
