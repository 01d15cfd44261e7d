import type { KeyGroups } from "@tripline/contracts/key-groups";
import { ONE_GROUP } from "@tripline/contracts/key-groups";
import { decisionKey } from "@tripline/contracts/redis-keys";
import type { BudgetTake } from "@tripline/decision-engine/budgets";
import type { StoredDecision } from "./stored-decision.js";
import { choicesOf } from "./stored-decision.js";

/** A count is needed only on its day; this also covers clock differences between instances. */
const COUNT_TTL_SECONDS = 172_800;
const NO_BUDGET = "0";
const WITHOUT_LIMIT = "-1";

/**
 * Stores for each payment its first choice whose limit has enough left, and counts it, unless the payment already has a
 * decision. Redis runs scripts one at a time, so instances cannot exceed a budget, and redelivered payments count once.
 *
 * KEYS: decisions, then budgets. ARGV: time to live of decisions and of counts in seconds; number of decisions; for
 * each decision, its number of choices; for each choice, the index of its budget's key, the daily limit, what must be
 * left of it, what is used up, and the bytes.
 * Returns for each decision the index of its choice, from 0, or the bytes of the earlier decision.
 */
export const KEEP_WITHIN_BUDGETS = `
local kept, at = {}, 4
for decision = 1, tonumber(ARGV[3]) do
  local choices = tonumber(ARGV[at])
  kept[decision] = redis.call('GET', KEYS[decision])
  if not kept[decision] then
    for choice = 0, choices - 1 do
      local place = at + 1 + 5 * choice
      local budget, per_day = KEYS[tonumber(ARGV[place])], tonumber(ARGV[place + 1])
      local units, used = tonumber(ARGV[place + 2]), tonumber(ARGV[place + 3])
      local count = budget and tonumber(redis.call('GET', budget) or '0')
      if not budget or per_day < 0 or count + units <= per_day then
        if budget and used > 0 then
          redis.call('SET', budget, string.format('%.0f', count + used), 'EX', ARGV[2])
        end
        redis.call('SET', KEYS[decision], ARGV[place + 4], 'EX', ARGV[1])
        kept[decision] = choice
        break
      end
    end
  end
  at = at + 1 + 5 * choices
end
return kept`;

/**
 * Redis key that counts a tenant's payments with an outcome, or the amount it explored, on a given day. In a cluster,
 * all budgets of a tenant are in one slot.
 */
export function budgetKey(
  { tenant, what, day }: Pick<BudgetTake, "tenant" | "what" | "day">,
  groups: KeyGroups = ONE_GROUP,
): string {
  return `budget:${groups.tagOf(tenant)}${tenant}:${what}:${day}`;
}

/**
 * Arguments of the script.
 *
 * @param groups for a cluster, the decisions must be of one tenant's group, and are stored in that group's slot
 */
export function keepArguments(
  decisions: readonly StoredDecision[],
  ttlSeconds: number,
  groups: KeyGroups = ONE_GROUP,
): (string | Uint8Array)[] {
  const tag = groups.tagOf(tenantOf(decisions[0]));
  const keys = decisions.map(({ transactionId }) => decisionKey(transactionId, { tagOf: () => tag }));
  const places = new Map<string, string>();
  const placeOf = (take: BudgetTake | undefined): string => {
    if (take === undefined) return NO_BUDGET;
    const key = budgetKey(take, groups);
    const place = places.get(key) ?? `${keys.push(key)}`;
    places.set(key, place);
    return place;
  };
  const wanted = decisions.map(choicesOf).flatMap((choices) => [
    `${choices.length}`,
    ...choices.flatMap(({ bytes, takes }) => {
      const { perDay = WITHOUT_LIMIT, units = 0, isCharged = false } = takes ?? {};
      return [placeOf(takes), `${perDay}`, `${units}`, isCharged ? `${units}` : "0", bytes];
    }),
  ]);
  return [`${keys.length}`, ...keys, `${ttlSeconds}`, `${COUNT_TTL_SECONDS}`, `${decisions.length}`, ...wanted];
}

/** The tenant of a decision that has a budget. */
export function tenantOf(decision: StoredDecision | undefined): string {
  return decision?.takes?.tenant ?? "";
}
