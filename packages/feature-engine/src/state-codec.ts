import { TriplineError } from "@tripline/contracts/error-table";
import { ByteReader } from "./byte-reader.js";
import type { ByteWriter } from "./byte-writer.js";
import type { EntityState, StreamState } from "./entity-state.js";
import { emptyState, NEVER_MS } from "./entity-state.js";
import type { EntityPlan, RingPlan, StreamPlan } from "./plan-entities.js";
import { RECENT_IDS_MAX } from "./recent-ids.js";
import type { TileRing } from "./tile-ring.js";
import { emptyRing, pushTile, TILE_STRIDE } from "./tile-ring.js";

/*
 * Layout of a state, little-endian; varint is unsigned LEB128 of an integer below 2^53.
 *
 *   offset 0   u8      version, 1
 *          1   u64     sequence
 *          9   u32     fingerprint of the plan
 *         13   u8 n, then n × (u32 high, u32 low)   hashes of recent ids, oldest first
 *   then for payments, then for labels:
 *     varint  newest event time + 1, 0 for none
 *     for every ring of the plan: varint n, then n tiles in ascending order, each
 *       varint  index, for all but the first as the distance from the one before
 *       varint  count
 *       varint  sum    where the plan needs it
 *       varint  max    where the plan needs it
 *
 * The first nine bytes differ between any two versions of one entity's state: writers compare them to find out whether
 * somebody else wrote in between.
 */
const VERSION = 1;

/** Bytes at the head of a state that change with every write. */
export const STATE_HEADER_BYTES = 9;

/** Decodes a stored state; null is the state of an entity never seen.
 *
 * @throws TriplineError `state-unreadable` for another version, another plan, or bytes that are cut or damaged.
 */
export function decodeState(plan: EntityPlan, bytes: Uint8Array | null): EntityState {
  const state = emptyState(plan);
  if (bytes === null) return state;
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== VERSION) throw unreadable(`is of version ${version}, this build reads version ${VERSION}`);
  state.sequence = reader.u64();
  if (reader.u32() !== plan.fingerprint) {
    throw unreadable("keeps other windows than the feature spec asks for: run `tripline backfill` for this spec");
  }
  const ids = reader.u8();
  if (ids > RECENT_IDS_MAX) throw unreadable(`names ${ids} recent ids, at most ${RECENT_IDS_MAX} are possible`);
  for (let index = 0; index < ids; index += 1) state.recentIds.add({ high: reader.u32(), low: reader.u32() });
  readStream(reader, plan.payments, state.payments);
  readStream(reader, plan.labels, state.labels);
  if (!reader.atEnd()) throw unreadable("has bytes after its end");
  return state;
}

/** Encodes a state. The rings hold no tile that is out of reach: each counted event drops those. */
export function encodeState(plan: EntityPlan, state: EntityState, writer: ByteWriter): Uint8Array {
  writer.reset();
  writer.u8(VERSION);
  writer.u64(state.sequence);
  writer.u32(plan.fingerprint);
  writer.u8(state.recentIds.size);
  state.recentIds.forEach((high, low) => {
    writer.u32(high);
    writer.u32(low);
  });
  writeStream(writer, plan.payments, state.payments);
  writeStream(writer, plan.labels, state.labels);
  return writer.copy();
}

function writeStream(writer: ByteWriter, plan: StreamPlan, stream: StreamState): void {
  writer.varint(stream.newestMs - NEVER_MS);
  plan.rings.forEach((ringPlan, index) => {
    writeRing(writer, ringPlan, stream.rings[index] ?? emptyRing());
  });
}

function writeRing(writer: ByteWriter, plan: RingPlan, { tiles }: TileRing): void {
  writer.varint(tiles.length / TILE_STRIDE);
  let before = 0;
  for (let at = 0; at < tiles.length; at += TILE_STRIDE) {
    const index = tiles[at] ?? 0;
    writer.varint(index - before);
    writer.varint(tiles[at + 1] ?? 0);
    if (plan.sum) writer.varint(tiles[at + 2] ?? 0);
    if (plan.max) writer.varint(tiles[at + 3] ?? 0);
    before = index;
  }
}

function readStream(reader: ByteReader, plan: StreamPlan, stream: StreamState): void {
  stream.newestMs = reader.varint() + NEVER_MS;
  plan.rings.forEach((ringPlan, index) => {
    const ring = stream.rings[index];
    if (ring !== undefined) readRing(reader, ringPlan, ring, Math.floor(stream.newestMs / ringPlan.tileMs));
  });
}

function readRing(reader: ByteReader, plan: RingPlan, ring: TileRing, newest: number): void {
  const tiles = reader.varint();
  if (tiles > plan.tilesBack + 1) throw unreadable(`holds ${tiles} tiles, at most ${plan.tilesBack + 1} are possible`);
  let tile = 0;
  for (let index = 0; index < tiles; index += 1) {
    const step = reader.varint();
    tile += step;
    if ((index > 0 && step === 0) || tile > newest || tile < newest - plan.tilesBack) {
      throw unreadable("has tiles out of order or out of its windows");
    }
    const count = reader.varint();
    if (count === 0) throw unreadable("has an empty tile");
    pushTile(ring, tile, count, plan.sum ? reader.varint() : 0, plan.max ? reader.varint() : 0);
  }
}

function unreadable(what: string): TriplineError {
  return new TriplineError("state-unreadable", `A stored window state ${what}.`);
}
