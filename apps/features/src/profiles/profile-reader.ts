import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { profileView } from "@tripline/contracts/profile-tables";
import { RowRead } from "@tripline/feast-client/row-read";
import type { FeatureEngine } from "@tripline/feature-engine/online/compile-engine";
import type { ProfileRow, ProfileRows } from "@tripline/feature-engine/profiles";
import type { Command } from "ioredis";
import type { EventRecord } from "../batches/parse-event.js";

export interface ProfileReaderOptions {
  readonly engine: FeatureEngine;
  /** Whose profiles Feast keeps in this Redis, and in which of its projects; without it none are read. */
  readonly source?: { readonly tenant: string; readonly project: string };
  /** Told of a stored profile that cannot be used and counts as missing. */
  readonly onUnreadable: (profile: string, reason: string) => void;
}

/** By profile of the spec: the ids of the entities whose rows are read. */
export type ProfileEntities = readonly ReadonlySet<string>[];
export type ProfilesOf = (payment: Transaction) => ProfileRows;

/**
 * The profiles that Feast keeps in the Redis of the states. They are read in the same round trip. Nothing that is wrong with one
 * stops a payment: it counts as missing then.
 */
export class ProfileReader {
  readonly #reads: readonly RowRead[];

  constructor(private readonly options: ProfileReaderOptions) {
    const { engine, source } = options;
    this.#reads = (source === undefined ? [] : engine.profiles).map(
      ({ name, entity, columns }) =>
        new RowRead({
          project: source?.project ?? "",
          featureView: profileView(name),
          joinKey: { name: engine.entities[entity]?.key ?? "", type: "STRING" },
          features: columns,
        }),
    );
  }

  entitiesOf(events: readonly EventRecord[]): ProfileEntities {
    const { engine, source } = this.options;
    const entities = this.#reads.map(() => new Set<string>());
    for (const event of events) {
      if (event.kind !== "payment" || event.transaction.tenant !== source?.tenant) continue;
      for (const [index, ids] of entities.entries()) {
        const id = engine.entityId(engine.profiles[index]?.entity ?? -1, event.transaction);
        if (id !== undefined) ids.add(id);
      }
    }
    return entities;
  }

  /** Commands for all of them, to be sent once. */
  commands(entities: ProfileEntities): Command[] {
    return this.#reads.flatMap((read, index) => Array.from(entities[index] ?? [], (id) => read.command(id)));
  }

  /** @param replies to `commands`, in their order; an error where Redis refused one */
  rowsOf(entities: ProfileEntities, replies: readonly unknown[]): ProfilesOf {
    const { engine, source } = this.options;
    let next = 0;
    const rows = this.#reads.map((read, index) => {
      const ofProfile = new Map<string, ProfileRow>();
      for (const id of entities[index] ?? []) {
        const row = this.#rowOf(read, engine.profiles[index]?.name ?? "", replies[next]);
        next += 1;
        if (row !== undefined) ofProfile.set(id, row);
      }
      return ofProfile;
    });
    return (payment) =>
      payment.tenant !== source?.tenant
        ? []
        : rows.map((ofProfile, index) =>
            ofProfile.get(engine.entityId(engine.profiles[index]?.entity ?? -1, payment) ?? ""),
          );
  }

  #rowOf(read: RowRead, profile: string, reply: unknown): ProfileRow | undefined {
    try {
      if (reply instanceof Error) throw reply;
      const row = read.row(reply);
      return row && { atMs: row.eventTimestampMs, values: row.values };
    } catch (error) {
      this.options.onUnreadable(profile, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}
