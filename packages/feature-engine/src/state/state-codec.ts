import { TriplineError } from "@tripline/contracts/error-table";
import type { EntityPlan, PaymentParts, RingPlan, StreamPlan } from "../plan-entities.js";
import { STATE_VERSION } from "../plan-entities.js";
import type { ByteReader } from "./byte-reader.js";
import type { ByteWriter } from "./byte-writer.js";
import type { EntityState, StreamState } from "./entity-state.js";
import { NEVER_MS } from "./entity-state.js";
import type { FraudRun } from "./fraud-run.js";
import type { HomePlace, LastPlace } from "./home-place.js";
import type { PartnerTable } from "./partner-table.js";
import { PARTNER_STRIDE, PARTNERS_MAX, pushPartner } from "./partner-table.js";
import type { RecentIds } from "./recent-ids.js";
import { RECENT_IDS_MAX } from "./recent-ids.js";
import type { RecentPayments } from "./recent-payments.js";
import { RECENT_PAYMENTS_MAX } from "./recent-payments.js";
import type { TileRing } from "./tile-ring.js";
import { makeRoom, SQUARE_UNIT, squareOf, TILE_STRIDE, totalTiles } from "./tile-ring.js";
import type { UsualAmount } from "./usual-amount.js";
import { UNUSUAL_MAX, UNUSUAL_STRIDE } from "./usual-amount.js";

/*
 * Layout of a state, little-endian; varint is unsigned LEB128 of an integer below 2^53. Parts in brackets are present if
 * the plan needs them.
 *
 *   offset 0   u8      version, 3
 *          1   u64     sequence
 *          9   u32     fingerprint of the plan
 *   then [ u8 n, then n × (u32 high, u32 low)   hashes of recent ids, oldest first ]
 *   then for payments, then for labels:
 *     varint  newest event time + 1, 0 for none
 *     for every ring of the plan: varint n, then n tiles in ascending order, each
 *       varint  index, for all but the first as the distance from the one before
 *       varint  count
 *       of one event: [ varint  its amount ], from which the other values follow
 *       of more: [ varint  sum ] [ varint  max ] [ varint  squareHigh, varint  squareLow ]
 *   then [ varint  time of the first fraud + 1, 0 for none ]
 *   then [ varint  n, then n partners, newest first, each
 *       u32     hash of the id
 *       varint  time since the previous partner in the list was last seen; for the first, since the newest payment
 *       varint  number of payments; if the plan needs frauds, double this number, plus 1 if a fraud was confirmed ]
 *   then [ varint  n, and for n > 0 varint x, varint y, varint z of the home ]
 *   then [ varint  north of the last location, 0 for none; otherwise followed by varint east ]
 *   then [ varint  number of payments in the usual amount; if it is not 0:
 *       varint  their sum
 *       varint  n, then n unusual payments in the order in which they were counted, each varint time, varint ratio ]
 *   then [ varint  time of the last genuine payment + 1, 0 for none
 *       varint  frauds since then; if it is not 0: varint time of the first ]
 *   then for each filter of the plan, about the payments that pass it: the stream as above, [ partners ], [ home ],
 *     [ last location ], [ usual amount ]
 *   then for each selection of payment updates: the stream as above
 *   then [ varint  n, then n recent payments in the order in which they were counted, each
 *       u32 high, u32 low   hash of the id
 *       varint  time
 *       varint  length of the ids of its entities, and the ids ]
 *
 * The first nine bytes differ between any two versions of one entity's state: writers compare them to find out whether
 * another writer wrote in between.
 */

/** Bytes at the start of a state that change with every write. */
export const STATE_HEADER_BYTES = 9;

/**
 * Decodes the state at the reader's position.
 *
 * @param state an empty state of the same plan, which receives the stored state
 * @throws TriplineError `state-unreadable` for another version, another plan, or bytes that are truncated or damaged
 */
export function decodeState(plan: EntityPlan, reader: ByteReader, state: EntityState): void {
  const version = reader.u8();
  if (version !== STATE_VERSION)
    throw unreadable(`has version ${version}, but this build reads version ${STATE_VERSION}`);
  state.sequence = reader.u64();
  if (reader.u32() !== plan.fingerprint) {
    throw unreadable("has different windows from the feature spec: run `tripline backfill` for this spec");
  }
  if (state.recentIds !== undefined) readIds(reader, state.recentIds);
  readStream(reader, plan.payments, state.payments);
  readStream(reader, plan.labels, state.labels);
  if (plan.firstFraud) state.firstFraudMs = reader.varint() + NEVER_MS;
  readParts(reader, plan, state);
  if (state.run !== undefined) readRun(reader, state.run);
  for (let index = 0; index < plan.slices.length; index += 1) {
    const [slicePlan, slice] = [plan.slices[index], state.slices[index]];
    if (slicePlan === undefined || slice === undefined) continue;
    readStream(reader, slicePlan.payments, slice.payments);
    readParts(reader, slicePlan, slice);
  }
  for (const [index, { stream }] of plan.updates.entries()) {
    const updates = state.updates[index];
    if (updates !== undefined) readStream(reader, stream, updates);
  }
  if (state.recentPayments !== undefined) readRecentPayments(reader, state.recentPayments);
  if (!reader.atEnd()) throw unreadable("has bytes after its end");
}

/** Encodes a state. The rings contain no expired tiles, because each counted event removes them. */
export function encodeState(plan: EntityPlan, state: EntityState, writer: ByteWriter): void {
  writer.u8(STATE_VERSION);
  writer.u64(state.sequence);
  writer.u32(plan.fingerprint);
  if (state.recentIds !== undefined) writeIds(writer, state.recentIds);
  writeStream(writer, plan.payments, state.payments);
  writeStream(writer, plan.labels, state.labels);
  if (plan.firstFraud) writer.varint(state.firstFraudMs - NEVER_MS);
  writeParts(writer, plan, state);
  if (state.run !== undefined) writeRun(writer, state.run);
  for (let index = 0; index < plan.slices.length; index += 1) {
    const [slicePlan, slice] = [plan.slices[index], state.slices[index]];
    if (slicePlan === undefined || slice === undefined) continue;
    writeStream(writer, slicePlan.payments, slice.payments);
    writeParts(writer, slicePlan, slice);
  }
  for (const [index, { stream }] of plan.updates.entries()) {
    const updates = state.updates[index];
    if (updates !== undefined) writeStream(writer, stream, updates);
  }
  if (state.recentPayments !== undefined) writeRecentPayments(writer, state.recentPayments);
}

type PartStates = Pick<EntityState, keyof PaymentParts>;

function readParts(reader: ByteReader, plan: PaymentParts, state: PartStates): void {
  const { payments, partners, home, lastPlace, usual } = state;
  if (partners !== undefined) readPartners(reader, partners, payments.newestMs, plan.partners?.frauds === true);
  if (home !== undefined) readHome(reader, home);
  if (lastPlace !== undefined) readPlace(reader, lastPlace);
  if (usual !== undefined) readUsual(reader, usual);
}

function writeParts(writer: ByteWriter, plan: PaymentParts, state: PartStates): void {
  const { payments, partners, home, lastPlace, usual } = state;
  if (partners !== undefined) writePartners(writer, partners, payments.newestMs, plan.partners?.frauds === true);
  if (home !== undefined) writeHome(writer, home);
  if (lastPlace !== undefined) writePlace(writer, lastPlace);
  if (usual !== undefined) writeUsual(writer, usual);
}

function writeRecentPayments(writer: ByteWriter, { entries }: RecentPayments): void {
  writer.varint(entries.length);
  for (const { high, low, atMs, ids } of entries) {
    writer.u32(high);
    writer.u32(low);
    writer.varint(atMs);
    writer.varint(ids.length);
    writer.bytes(ids);
  }
}

function readRecentPayments(reader: ByteReader, { entries }: RecentPayments): void {
  const count = reader.varint();
  if (count > RECENT_PAYMENTS_MAX)
    throw unreadable(`has ${count} recent payments; the maximum is ${RECENT_PAYMENTS_MAX}`);
  for (let index = 0; index < count; index += 1) {
    const [high, low, atMs] = [reader.u32(), reader.u32(), reader.varint()];
    entries.push({ high, low, atMs, ids: reader.bytes(reader.varint()).slice() });
  }
}

function writeIds(writer: ByteWriter, ids: RecentIds): void {
  writer.u8(ids.size);
  ids.forEach((high, low) => {
    writer.u32(high);
    writer.u32(low);
  });
}

function readIds(reader: ByteReader, ids: RecentIds): void {
  const count = reader.u8();
  if (count > RECENT_IDS_MAX) throw unreadable(`has ${count} recent IDs; the maximum is ${RECENT_IDS_MAX}`);
  for (let index = 0; index < count; index += 1) ids.add(reader.u32(), reader.u32());
}

function writeStream(writer: ByteWriter, plan: StreamPlan, stream: StreamState): void {
  writer.varint(stream.newestMs - NEVER_MS);
  for (let index = 0; index < plan.rings.length; index += 1) {
    const ringPlan = plan.rings[index];
    const ring = stream.rings[index];
    if (ringPlan !== undefined && ring !== undefined) writeRing(writer, ringPlan, ring);
  }
}

function writeRing(writer: ByteWriter, plan: RingPlan, { tiles, used }: TileRing): void {
  writer.varint(used / TILE_STRIDE);
  let before = 0;
  for (let at = 0; at < used; at += TILE_STRIDE) {
    const index = tiles[at] ?? 0;
    const count = tiles[at + 1] ?? 0;
    writer.varint(index - before);
    writer.varint(count);
    before = index;
    if (plan.sum) writer.varint(tiles[at + 2] ?? 0);
    if (plan.max && !(count === 1 && plan.sum)) writer.varint(tiles[at + 3] ?? 0);
    if (plan.squares && count > 1) {
      writer.varint(tiles[at + 4] ?? 0);
      writer.varint(tiles[at + 5] ?? 0);
    }
  }
}

function writePartners(writer: ByteWriter, { rows, used }: PartnerTable, newestMs: number, frauds: boolean): void {
  writer.varint(used / PARTNER_STRIDE);
  let before = newestMs;
  for (let at = 0; at < used; at += PARTNER_STRIDE) {
    const lastMs = rows[at + 1] ?? 0;
    writer.u32(rows[at] ?? 0);
    writer.varint(before - lastMs);
    const count = rows[at + 2] ?? 0;
    writer.varint(frauds ? count * 2 + (rows[at + 3] ?? 0) : count);
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

function writePlace(writer: ByteWriter, { north, east }: LastPlace): void {
  writer.varint(north);
  if (north > 0) writer.varint(east);
}

function writeUsual(writer: ByteWriter, { count, sum, rows, used }: UsualAmount): void {
  writer.varint(count);
  if (count === 0) return;
  writer.varint(sum);
  writer.varint(used / UNUSUAL_STRIDE);
  for (let at = 0; at < used; at += 1) writer.varint(rows[at] ?? 0);
}

function writeRun(writer: ByteWriter, run: FraudRun): void {
  writer.varint(run.genuineMs - NEVER_MS);
  writer.varint(run.count);
  if (run.count > 0) writer.varint(run.beganMs);
}

function readStream(reader: ByteReader, plan: StreamPlan, stream: StreamState): void {
  stream.newestMs = reader.varint() + NEVER_MS;
  for (let index = 0; index < plan.rings.length; index += 1) {
    const ringPlan = plan.rings[index];
    const ring = stream.rings[index];
    if (ringPlan === undefined || ring === undefined) continue;
    readRing(reader, ringPlan, ring, Math.floor(stream.newestMs / ringPlan.tileMs));
  }
}

function readRing(reader: ByteReader, plan: RingPlan, ring: TileRing, newest: number): void {
  const count = reader.varint();
  if (count > plan.tilesBack + 1) throw unreadable(`has ${count} tiles; the maximum is ${plan.tilesBack + 1}`);
  makeRoom(ring, count * TILE_STRIDE);
  ring.used = count * TILE_STRIDE;
  const { tiles, used } = ring;
  let index = 0;
  for (let at = 0; at < used; at += TILE_STRIDE) {
    const step = reader.varint();
    index += step;
    if ((at > 0 && step === 0) || index > newest || index < newest - plan.tilesBack) {
      throw unreadable("has tiles out of order or outside its windows");
    }
    tiles[at] = index;
    readTile(reader, plan, tiles, at);
  }
  totalTiles(ring);
}

/** Reads the part of the tile at `at` that follows its index. */
function readTile(reader: ByteReader, plan: RingPlan, tiles: Float64Array, at: number): void {
  const count = reader.varint();
  if (count === 0) throw unreadable("has an empty tile");
  const sum = plan.sum ? reader.varint() : 0;
  tiles[at + 1] = count;
  tiles[at + 2] = sum;
  tiles[at + 3] = 0;
  if (plan.max) tiles[at + 3] = count === 1 && plan.sum ? sum : reader.varint();
  tiles[at + 4] = 0;
  tiles[at + 5] = 0;
  if (plan.squares) readSquares(reader, tiles, at);
}

/** Reads the sum of squares of a tile; for a single event, it is computed from the amount. */
function readSquares(reader: ByteReader, tiles: Float64Array, at: number): void {
  if (tiles[at + 1] === 1) {
    const square = squareOf(tiles[at + 2] ?? 0);
    tiles[at + 4] = square.high;
    tiles[at + 5] = square.low;
    return;
  }
  const high = reader.varint();
  const low = reader.varint();
  if (low >= SQUARE_UNIT) throw unreadable("has a sum of squares that is not carried over");
  tiles[at + 4] = high;
  tiles[at + 5] = low;
}

function readPartners(reader: ByteReader, table: PartnerTable, newestMs: number, frauds: boolean): void {
  const partners = reader.varint();
  if (partners > PARTNERS_MAX) throw unreadable(`has ${partners} partners; the maximum is ${PARTNERS_MAX}`);
  let lastMs = newestMs;
  for (let index = 0; index < partners; index += 1) {
    const hash = reader.u32();
    lastMs -= reader.varint();
    const stored = reader.varint();
    const count = frauds ? Math.floor(stored / 2) : stored;
    if (count === 0 || lastMs < 0) throw unreadable("has a partner without a payment");
    pushPartner(table, hash, lastMs, count, frauds && stored % 2 === 1 ? 1 : 0);
  }
}

function readHome(reader: ByteReader, home: HomePlace): void {
  home.count = reader.varint();
  if (home.count === 0) return;
  home.x = reader.varint();
  home.y = reader.varint();
  home.z = reader.varint();
}

function readPlace(reader: ByteReader, place: LastPlace): void {
  place.north = reader.varint();
  if (place.north > 0) place.east = reader.varint();
}

function readUsual(reader: ByteReader, usual: UsualAmount): void {
  usual.count = reader.varint();
  if (usual.count === 0) return;
  usual.sum = reader.varint();
  const unusual = reader.varint();
  if (unusual > UNUSUAL_MAX) throw unreadable(`has ${unusual} unusual payments; the maximum is ${UNUSUAL_MAX}`);
  usual.used = unusual * UNUSUAL_STRIDE;
  for (let at = 0; at < usual.used; at += 1) usual.rows[at] = reader.varint();
}

function readRun(reader: ByteReader, run: FraudRun): void {
  run.genuineMs = reader.varint() + NEVER_MS;
  run.count = reader.varint();
  run.beganMs = run.count === 0 ? NEVER_MS : reader.varint();
  if (run.count > 0 && run.beganMs <= run.genuineMs) throw unreadable("has a run of frauds that had ended");
}

function unreadable(what: string): TriplineError {
  return new TriplineError("state-unreadable", `A stored window state ${what}.`);
}
