import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import { completeKey, stateKey } from "@tripline/feature-engine/state/state-key";
import { redisSpan } from "@tripline/telemetry/span-options";
import { withSpan } from "@tripline/telemetry/tracing";
import { MarkReader, NONE_FLAGGED } from "../states/complete-mark.js";
import type { Lookup, ProfileLookup, WindowsLookup } from "./compile-lookup.js";
import type { BoundRedis } from "./profiles/bound-redis.js";
import type { ProfileRow } from "./profiles/profile-row.js";
import { decodeRow } from "./profiles/profile-row.js";
import { columnsKey, profileKey } from "./profiles/profile-store.js";
import type { OnlineRequest } from "./requests/parse-online-request.js";
import { invalidField, shown } from "./requests/refuse-field.js";
import { formatDouble } from "./responses/format-double.js";
import type { FieldStatus, ViewColumns } from "./responses/render-response.js";

/** Time limit for the check for completeness, which may need Kafka. */
const COMPLETENESS_MS_MAX = 1_000;

export interface ReaderOptions {
  readonly engine: FeatureEngine;
  readonly redis: BoundRedis;
  /** Checks whether the states are complete although the completeness mark is missing. */
  readonly isComplete: () => Promise<boolean>;
  readonly now: () => number;
}

/** The stored bytes of a request in the order of its views and rows. */
interface Stored {
  readonly values: readonly (Buffer | null)[];
  /** Known columns, by profile of the lookup. */
  readonly columns: readonly (readonly string[])[];
}

/** Reads features of entities. */
export class FeatureReader {
  readonly #completeKey: string;
  readonly #marks = new MarkReader();
  #completeness: Promise<boolean> | undefined;

  constructor(private readonly options: ReaderOptions) {
    this.#completeKey = completeKey(options.engine.entities);
  }

  /**
   * Reads features with one round trip to Redis.
   *
   * @returns the columns of the lookup's views, in their order
   * @throws TriplineError `redis-unavailable`, `queue-full`, `state-unreadable`; `state-incomplete` while lost window
   *   states are not rebuilt; `invalid-field` for a column that a profile never had
   */
  async read(tenant: string, lookup: Lookup, request: OnlineRequest): Promise<ViewColumns[]> {
    const { values, columns } = await this.#fetch(tenant, lookup, request);
    let next = 0;
    if (lookup.hasWindows) {
      next = 1;
      if (values[0] === null && !(await this.#isComplete())) throw statesLost();
    }
    return lookup.views.map((view) => {
      const own = values.slice(next, next + request.rows);
      next += request.rows;
      if (view.kind === "windows") return this.#readWindows(view, own, request);
      return readProfiles(view, own, columns[lookup.profiles.indexOf(view)] ?? []);
    });
  }

  async #fetch(tenant: string, lookup: Lookup, { ids }: OnlineRequest): Promise<Stored> {
    const keys = lookup.hasWindows ? [this.#completeKey] : [];
    for (const { kind, view, column } of lookup.views) {
      const plan = kind === "windows" ? this.options.engine.entities[view.entity] : undefined;
      for (const id of ids[column] ?? []) {
        if (plan !== undefined) keys.push(stateKey(plan, tenant, id));
        else if (kind === "profile") keys.push(profileKey(view, tenant, id));
      }
    }
    return withSpan("redis read", redisSpan("MGET"), () =>
      this.options.redis.request(async (redis) => {
        const [values, ...columns] = await Promise.all([
          redis.mgetBuffer(keys),
          ...lookup.profiles.map(({ view }) => redis.zrange(columnsKey(view, tenant), "0", "-1")),
        ]);
        // A flagged state is unverified and counts as missing.
        const { keys: flagged, untilMs } = lookup.hasWindows ? this.#marks.flaggedIn(values[0] ?? null) : NONE_FLAGGED;
        if (flagged.size === 0 || this.options.now() >= untilMs) return { values, columns };
        return { values: values.map((value, index) => (flagged.has(keys[index] ?? "") ? null : value)), columns };
      }),
    );
  }

  /** Concurrent callers share a single check. If it takes too long, the states count as incomplete. */
  #isComplete(): Promise<boolean> {
    this.#completeness ??= within(COMPLETENESS_MS_MAX, this.options.isComplete(), false).finally(() => {
      this.#completeness = undefined;
    });
    return this.#completeness;
  }

  #readWindows(lookup: WindowsLookup, stored: readonly (Buffer | null)[], { asOfMs }: OnlineRequest): ViewColumns {
    const { engine } = this.options;
    const { entity } = lookup.view;
    const nowMs = this.options.now();
    const values: string[][] = lookup.places.map(() => []);
    const statuses: FieldStatus[] = [];
    const eventTimesMs: number[] = [];
    for (const [row, bytes] of stored.entries()) {
      if (bytes === null) {
        for (const column of values) column.push("null");
        statuses.push("NOT_FOUND");
        eventTimesMs.push(0);
        continue;
      }
      const state = engine.decodeState(entity, bytes);
      const atMs = asOfMs?.[row] ?? nowMs;
      const all = engine.readEntity(entity, state, atMs);
      for (const [feature, place] of lookup.places.entries()) values[feature]?.push(formatDouble(all[place] ?? 0));
      const newestMs = newestEventMs(state);
      statuses.push(atMs - newestMs > engine.longestWindowMs ? "OUTSIDE_MAX_AGE" : "PRESENT");
      eventTimesMs.push(newestMs);
    }
    return { values, statuses: lookup.places.map(() => statuses), eventTimesMs };
  }
}

async function within<T>(timeoutMs: number, work: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, otherwise);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Time of the newest event in a state: the time at which a payment occurred or a label was reported. */
function newestEventMs({ payments, labels }: EntityState): number {
  return Math.max(0, payments.newestMs, labels.newestMs);
}

function readProfiles(
  { view, names, pointers }: ProfileLookup,
  stored: readonly (Buffer | null)[],
  pushed: readonly string[],
): ViewColumns {
  const unknown = names.findIndex((name) => !pushed.includes(name));
  // Before the first push, all names are unknown, and the values are missing.
  if (unknown >= 0 && pushed.length > 0) {
    const detail = `requests "${shown(names[unknown] ?? "")}" from ${view.name}, but this feature was never pushed; the view has ${pushed.join(", ")}`;
    throw invalidField(pointers[unknown] ?? "/features", detail, "FeastObjectNotFoundException");
  }
  const rows = stored.map((bytes) => (bytes === null ? undefined : decodeRow(bytes)));
  return {
    values: names.map((name) => rows.map((row) => row?.values.get(name) ?? "null")),
    statuses: names.map((name) => rows.map((row) => profileStatus(row, name))),
    eventTimesMs: rows.map((row) => row?.eventTimeMs ?? 0),
  };
}

function profileStatus(row: ProfileRow | undefined, name: string): FieldStatus {
  if (row === undefined) return "NOT_FOUND";
  return (row.values.get(name) ?? "null") === "null" ? "NULL_VALUE" : "PRESENT";
}

function statesLost(): TriplineError {
  const what = "The window states were lost and are being rebuilt, so window features would be wrong";
  const fix = "try again after `tripline rebuild-state` has finished";
  return new TriplineError("state-incomplete", `${what}; ${fix}.`);
}
