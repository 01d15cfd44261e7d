import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { profileView } from "@tripline/contracts/profile-tables";
import { RowRead } from "@tripline/feast-client/row-read";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { ProfilePlan, ProfileRow, ProfileRows } from "@tripline/feature-engine/profiles";
import type { Command } from "ioredis";
import type { EventRecord } from "../batches/parse-event.js";

export interface ProfileReaderOptions {
  readonly engine: FeatureEngine;
  /** Tenant and project of Feast's profiles in this Redis, and the profiles to read. Default: none */
  readonly source?: { readonly tenant: string; readonly project: string; readonly profiles: readonly string[] };
  /** Called for a stored profile that cannot be used and therefore counts as missing. */
  readonly onUnreadable: (profile: string, reason: string) => void;
  /** Receives the number of rows that a batch requested from a profile, and how many were found. */
  readonly onRead?: (profile: string, asked: number, found: number) => void;
}

/** For each profile to read, the IDs of the entities whose rows are needed. */
export type ProfileEntities = readonly ReadonlySet<string>[];
export type ProfilesOf = (payment: Transaction) => ProfileRows;

/**
 * The profiles that Feast stores in the states' Redis, read in the same round trip. A broken profile counts as missing,
 * so it never stops a payment.
 */
export class ProfileReader {
  readonly #reads: readonly { readonly plan: ProfilePlan; readonly place: number; readonly read: RowRead }[];

  constructor(private readonly options: ProfileReaderOptions) {
    const { engine, source } = options;
    this.#reads = engine.profiles.flatMap((plan, place) => {
      if (source?.profiles.includes(plan.name) !== true) return [];
      const read = new RowRead({
        project: source.project,
        featureView: profileView(plan.name),
        joinKey: { name: plan.key, type: "STRING" },
        features: plan.columns,
      });
      return [{ plan, place, read }];
    });
  }

  entitiesOf(events: readonly EventRecord[]): ProfileEntities {
    const { engine, source } = this.options;
    if (this.#reads.length === 0) return [];
    const own = events.flatMap((event) =>
      event.kind === "payment" && event.transaction.tenant === source?.tenant ? [event.transaction] : [],
    );
    return this.#reads.map(
      ({ plan }) => new Set(own.flatMap((transaction) => engine.entityId(plan.entity, transaction) ?? [])),
    );
  }

  /** One command per profile with entities. Each command must be sent once. */
  commands(entities: ProfileEntities): Command[] {
    return this.#reads.flatMap(({ read }, index) => {
      const ids = [...(entities[index] ?? [])];
      return ids.length === 0 ? [] : [read.command(ids)];
    });
  }

  /** @param replies to `commands`, in the same order; an error if Redis rejected a command */
  rowsOf(entities: ProfileEntities, replies: readonly unknown[]): ProfilesOf {
    const { engine, source, onRead } = this.options;
    if (this.#reads.length === 0) return noRows;
    let next = 0;
    const rows = this.#reads.map(({ plan, place, read }, index) => {
      const ids = [...(entities[index] ?? [])];
      const ofProfile = new Map<string, ProfileRow>();
      if (ids.length === 0) return { plan, place, ofProfile };
      for (const [at, row] of this.#read(read, plan.name, replies[next], ids.length).entries()) {
        if (row !== undefined) ofProfile.set(ids[at] ?? "", row);
      }
      next += 1;
      onRead?.(plan.name, ids.length, ofProfile.size);
      return { plan, place, ofProfile };
    });
    return (payment) => {
      if (payment.tenant !== source?.tenant) return [];
      const found = new Array<ProfileRow | undefined>(engine.profiles.length);
      for (const { plan, place, ofProfile } of rows) {
        found[place] = ofProfile.get(engine.entityId(plan.entity, payment) ?? "");
      }
      return found;
    };
  }

  /** In the order of the command's entities. */
  #read(read: RowRead, profile: string, reply: unknown, count: number): readonly (ProfileRow | undefined)[] {
    const { onUnreadable } = this.options;
    try {
      return read.rows(reply, count).map((row) => {
        if (!(row instanceof Error)) return row && { atMs: row.eventTimestampMs, values: row.values };
        onUnreadable(profile, row.message);
        return undefined;
      });
    } catch (error) {
      onUnreadable(profile, error instanceof Error ? error.message : String(error));
      return [];
    }
  }
}

function noRows(): ProfileRows {
  return [];
}
