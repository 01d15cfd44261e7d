import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { handleByGroup } from "@tripline/contracts/key-groups";
import { decisionKey } from "@tripline/contracts/redis-keys";
import type { RedisConnection } from "@tripline/stores/redis/connect-cluster";
import { keyGroupsOf } from "@tripline/stores/redis/connect-cluster";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import { isAccepted, requestKey } from "../intake/reserve-requests.js";

/** The existing decisions, by ID. @throws TriplineError `redis-unavailable` */
export async function readDecisions(redis: RedisConnection, ids: readonly string[]): Promise<Map<string, Decision>> {
  if (ids.length === 0) return new Map();
  const groups = keyGroupsOf(redis);
  const values = await handleByGroup(
    groups,
    ids,
    (id) => id,
    (some) => requestRedis(() => redis.mgetBuffer(some.map((id) => decisionKey(id, groups)))),
  );
  const decisions = values.flatMap((value) => (value === null ? [] : [decodeDecision(value)]));
  return new Map(decisions.map((decision) => [decision.transactionId, decision]));
}

/**
 * A tenant's decision; "pending" if the payment was accepted but is not decided yet; undefined if the tenant has no
 * such payment, even if another tenant has.
 *
 * @throws TriplineError `redis-unavailable`
 */
export async function readDecision(
  redis: RedisConnection,
  tenant: string,
  id: string,
): Promise<Decision | "pending" | undefined> {
  const groups = keyGroupsOf(redis);
  // Sent together, so that both are in one packet.
  const [value, request] = await requestRedis(() =>
    Promise.all([redis.getBuffer(decisionKey(id, groups)), redis.get(requestKey(tenant, id, groups))]),
  );
  if (value === null) return isAccepted(request) ? "pending" : undefined;
  const decision = decodeDecision(value);
  return decision.tenant === tenant ? decision : undefined;
}

/** @throws TriplineError `state-unreadable` */
export function decodeDecision(bytes: Uint8Array): Decision {
  try {
    return Decision.decode(bytes);
  } catch (error) {
    const { message } = asTriplineError(error);
    throw new TriplineError("state-unreadable", `A stored decision cannot be read: ${message}`, [], { cause: error });
  }
}
