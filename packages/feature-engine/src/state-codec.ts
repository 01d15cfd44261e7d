import { TriplineError } from "@tripline/contracts/error-table";
import { ByteReader } from "./byte-reader.js";
import type { ByteWriter } from "./byte-writer.js";
import type { EntityState, StreamState } from "./entity-state.js";
import { emptyState, NEVER_MS } from "./entity-state.js";
import type { HomePlace } from "./home-place.js";
import type { PartnerTable } from "./partner-table.js";
import { PARTNER_STRIDE, PARTNERS_MAX } from "./partner-table.js";
import type { EntityPlan, RingPlan, StreamPlan } from "./plan-entities.js";
import { RECENT_IDS_MAX } from "./recent-ids.js";
import type { TileRing } from "./tile-ring.js";
import { emptyAggregate, emptyRing, pushTile, SQUARE_UNIT, TILE_STRIDE } from "./tile-ring.js";

/*
 * Layout of a state, little-endian; varint is unsigned LEB128 of an integer below 2^53. Parts in brackets are there when
 * the plan needs them.
 *
 *   offset 0   u8      version, 2
 *          1   u64     sequence
 *          9   u32     fingerprint of the plan
 *   then [ u8 n, then n × (u32 high, u32 low)   hashes of recent ids, oldest first ]
 *   then for payments, then for labels:
 *     varint  newest event time + 1, 0 for none
 *     for every ring of the plan: varint n, then n tiles in ascending order, each
 *       varint  index, for all but the first as the distance from the one before
 *       varint  count
 *       [ varint  sum ]
 *       [ varint  max ]
 *       [ varint  squareHigh, varint squareLow ]
 *   then [ varint  time of the first fraud + 1, 0 for none ]
 *   then [ varint  n, then n partners, newest first, each
 *       u32     hash of the id
 *       varint  how long before the partner before it was last seen, the first: before the newest payment
 *       varint  payments together ]
 *   then [ varint  n, and for n > 0 varint x, varint y, varint z of the home ]
 *
 * The first nine bytes differ between any two versions of one entity's state: writers compare them to find out whether
 * somebody else wrote in between.
 */
const VERSION = 2;

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
  if (state.recentIds !== undefined) {
    const ids = reader.u8();
    if (ids > RECENT_IDS_MAX) throw unreadable(`names ${ids} recent ids, at most ${RECENT_IDS_MAX} are possible`);
    for (let index = 0; index < ids; index += 1) state.recentIds.add({ high: reader.u32(), low: reader.u32() });
  }
  readStream(reader, plan.payments, state.payments);
  readStream(reader, plan.labels, state.labels);
  if (plan.firstFraud) state.firstFraudMs = reader.varint() + NEVER_MS;
  if (state.partners !== undefined) readPartners(reader, state.partners, state.payments.newestMs);
  if (state.home !== undefined) readHome(reader, state.home);
  if (!reader.atEnd()) throw unreadable("has bytes after its end");
  return state;
}

/** Encodes a state. The rings hold no tile that is out of reach: each counted event drops those. */
export function encodeState(plan: EntityPlan, state: EntityState, writer: ByteWriter): Uint8Array {
  writer.reset();
  writer.u8(VERSION);
  writer.u64(state.sequence);
  writer.u32(plan.fingerprint);
  if (state.recentIds !== undefined) {
    writer.u8(state.recentIds.size);
    state.recentIds.forEach((high, low) => {
      writer.u32(high);
      writer.u32(low);
    });
  }
  writeStream(writer, plan.payments, state.payments);
  writeStream(writer, plan.labels, state.labels);
  if (plan.firstFraud) writer.varint(state.firstFraudMs - NEVER_MS);
  if (state.partners !== undefined) writePartners(writer, state.partners, state.payments.newestMs);
  if (state.home !== undefined) writeHome(writer, state.home);
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
    if (plan.squares) {
      writer.varint(tiles[at + 4] ?? 0);
      writer.varint(tiles[at + 5] ?? 0);
    }
    before = index;
  }
}

function writePartners(writer: ByteWriter, { rows }: PartnerTable, newestMs: number): void {
  writer.varint(rows.length / PARTNER_STRIDE);
  let before = newestMs;
  for (let at = 0; at < rows.length; at += PARTNER_STRIDE) {
    const lastMs = rows[at + 1] ?? 0;
    writer.u32(rows[at] ?? 0);
    writer.varint(before - lastMs);
    writer.varint(rows[at + 2] ?? 0);
    before = lastMs;
  }
}

function writeHome(writer: ByteWriter, home: HomePlace): void {
  writer.varint(home.count);
  if (home.count === 0) return;
  writer.varint(home.x);
  writer.varint(home.y);
  writer.varint(home.z);
}

function readStream(reader: ByteReader, plan: StreamPlan, stream: StreamState): void {
  stream.newestMs = reader.varint() + NEVER_MS;
  plan.rings.forEach((ringPlan, index) => {
    const ring = stream.rings[index];
    if (ring !== undefined) readRing(reader, ringPlan, ring, Math.floor(stream.newestMs / ringPlan.tileMs));
  });
}

const tile = emptyAggregate();

function readRing(reader: ByteReader, plan: RingPlan, ring: TileRing, newest: number): void {
  const tiles = reader.varint();
  if (tiles > plan.tilesBack + 1) throw unreadable(`holds ${tiles} tiles, at most ${plan.tilesBack + 1} are possible`);
  let at = 0;
  for (let index = 0; index < tiles; index += 1) {
    const step = reader.varint();
    at += step;
    if ((index > 0 && step === 0) || at > newest || at < newest - plan.tilesBack) {
      throw unreadable("has tiles out of order or out of its windows");
    }
    tile.count = reader.varint();
    if (tile.count === 0) throw unreadable("has an empty tile");
    tile.sum = plan.sum ? reader.varint() : 0;
    tile.max = plan.max ? reader.varint() : 0;
    tile.squareHigh = plan.squares ? reader.varint() : 0;
    tile.squareLow = plan.squares ? reader.varint() : 0;
    if (tile.squareLow >= SQUARE_UNIT) throw unreadable("has a sum of squares that is not carried over");
    pushTile(ring, at, tile);
  }
}

function readPartners(reader: ByteReader, { rows }: PartnerTable, newestMs: number): void {
  const partners = reader.varint();
  if (partners > PARTNERS_MAX) throw unreadable(`has ${partners} partners, at most ${PARTNERS_MAX} are possible`);
  let lastMs = newestMs;
  for (let index = 0; index < partners; index += 1) {
    const hash = reader.u32();
    lastMs -= reader.varint();
    const count = reader.varint();
    if (count === 0 || lastMs < 0) throw unreadable("has a partner without a payment");
    rows.push(hash, lastMs, count);
  }
}

function readHome(reader: ByteReader, home: HomePlace): void {
  home.count = reader.varint();
  if (home.count === 0) return;
  home.x = reader.varint();
  home.y = reader.varint();
  home.z = reader.varint();
}

function unreadable(what: string): TriplineError {
  return new TriplineError("state-unreadable", `A stored window state ${what}.`);
}
