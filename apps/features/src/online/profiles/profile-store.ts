import { createHash } from "node:crypto";
import type { ProfileView } from "../feature-views.js";
import { PROFILE_COLUMNS_MAX } from "../requests/limits.js";
import { invalidField } from "../requests/refuse-field.js";
import type { BoundRedis } from "./bound-redis.js";
import { ROW_HEAD_LENGTH } from "./profile-row.js";

/** Rows of one view in one push. */
export interface ProfilePush {
  readonly view: ProfileView;
  readonly columns: readonly string[];
  /** Rows that `encodeRow` encoded. */
  readonly rows: readonly { readonly id: string; readonly row: string }[];
}

/** Rows per script, limited so that a push does not block Redis for payments. */
const ROWS_AT_ONCE = 200;

/*
 * KEYS: the columns of the view, then one row per entity. ARGV: time to live of a row in seconds, current time in
 * milliseconds, number of columns, the columns, then the rows. A row that is not newer than the stored one is ignored.
 * A column that was not pushed within the time to live is removed.
 */
const WRITE_ROWS = `
local ttl, now, columns = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ttl * 1000)
local count = redis.call('ZCARD', KEYS[1])
for i = 1, columns do
  if not redis.call('ZSCORE', KEYS[1], ARGV[3 + i]) then count = count + 1 end
end
if count > ${PROFILE_COLUMNS_MAX} then return 0 end
for i = 1, columns do redis.call('ZADD', KEYS[1], ARGV[2], ARGV[3 + i]) end
redis.call('EXPIRE', KEYS[1], ttl)
for i = 2, #KEYS do
  local row = ARGV[2 + columns + i]
  local stored = redis.call('GETRANGE', KEYS[i], 0, ${ROW_HEAD_LENGTH - 1})
  if stored < string.sub(row, 1, ${ROW_HEAD_LENGTH}) then redis.call('SET', KEYS[i], row, 'EX', ttl) end
end
return 1
`;
const WRITE_ROWS_SHA = createHash("sha1").update(WRITE_ROWS).digest("hex");

/** Key of a profile row. The tenant is escaped as in `stateKey`. */
export function profileKey(view: ProfileView, tenant: string, id: string): string {
  return `profile:${view.name}:${encodeURIComponent(tenant)}:${id}`;
}

/** Key of the sorted set of a view's columns, by the time of their last push. */
export function columnsKey(view: ProfileView, tenant: string): string {
  return `profile-columns:${view.name}:${encodeURIComponent(tenant)}`;
}

/** Writes profile rows. */
export class ProfileStore {
  constructor(
    private readonly redis: BoundRedis,
    private readonly options: { readonly ttlSeconds: number; readonly now: () => number },
  ) {}

  /**
   * Each row replaces the older row of its entity. A push that fails midway can be repeated.
   *
   * @throws TriplineError `invalid-field` if the view would have too many columns, `redis-unavailable`, `queue-full`
   */
  async write(tenant: string, { view, columns, rows }: ProfilePush): Promise<void> {
    for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
      const chunk = rows.slice(start, start + ROWS_AT_ONCE);
      const keys = [columnsKey(view, tenant), ...chunk.map(({ id }) => profileKey(view, tenant, id))];
      const head = [this.options.ttlSeconds, this.options.now(), columns.length];
      const written = await this.#run(keys, [...head, ...columns, ...chunk.map(({ row }) => row)]);
      if (written === 1) continue;
      throw invalidField("/df", `would give ${view.name} more than ${PROFILE_COLUMNS_MAX} columns; push fewer`);
    }
  }

  #run(keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    return this.redis.request(async (redis) => {
      try {
        return await redis.evalsha(WRITE_ROWS_SHA, keys.length, ...keys, ...values);
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
        return await redis.eval(WRITE_ROWS, keys.length, ...keys, ...values);
      }
    });
  }
}
