import { createHash } from "node:crypto";
import { currencyDecimals } from "@tripline/contracts/currency";
import type { KeyField } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec, keyFields } from "@tripline/contracts/feature-spec";
import { binOf } from "@tripline/contracts/identifiers";
import type { EventBlock } from "@tripline/feature-engine/bulk/event-block";
import { FOLD_STEPS, ShareFold } from "@tripline/feature-engine/bulk/share-fold";
import { toThousandths } from "@tripline/feature-engine/online/compile-engine";
import { hashId } from "@tripline/feature-engine/state/recent-ids";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { eventsFrom } from "@tripline/simulator/merge-labels";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { OnlineShare } from "./online-share.js";

/** What a process of the benchmark tells on its last line. */
export interface FoldFigures {
  readonly payments: number;
  readonly foldMs: number;
  readonly foldCpuMs: number;
  /** Hash of every value, so that nobody is fast because it computes something else. */
  readonly values: string;
}

const START_MS = Date.UTC(2025, 0, 6);
const SIMULATION = { seed: 1, cards: 2_000, terminals: 2_000, startMs: START_MS };
/** As `tripline backfill` has them. */
const BLOCK_PAYMENTS = 122_880;

const spec = currentFeatureSpec();
const keys = Object.values(spec.entities).map(({ key }) => key);
const numbers = keys.map(() => new Map<string, number>());

/** Reads events, in order, up to one block. */
function nextBlock(
  events: Iterator<{ kind: string; payment: SimulatedPayment }, void>,
  paymentsMax: number,
): EventBlock {
  const [paid, known]: SimulatedPayment[][] = [[], []];
  while (paid !== undefined && known !== undefined && paid.length < paymentsMax) {
    const { value } = events.next();
    if (value === undefined) break;
    (value.kind === "label" ? known : paid).push(value.payment);
  }
  return blockOf(paid ?? [], known ?? []);
}

function blockOf(paid: readonly SimulatedPayment[], known: readonly SimulatedPayment[]): EventBlock {
  const column = (of: readonly SimulatedPayment[], value: (payment: SimulatedPayment) => number) =>
    Float64Array.from(of, value);
  return {
    payments: {
      length: paid.length,
      firstReference: 0,
      atMs: column(paid, ({ occurredAtMs }) => occurredAtMs),
      amounts: column(paid, ({ amountMinor, currency }) => amountMinor / 10 ** currencyDecimals(currency)),
      thousandths: column(paid, ({ amountMinor, currency }) => toThousandths(amountMinor, currencyDecimals(currency))),
      latitudes: column(paid, ({ latitude }) => latitude ?? Number.NaN),
      longitudes: column(paid, ({ longitude }) => longitude ?? Number.NaN),
      numbers: keys.map((_, entity) => Int32Array.from(paid, (payment) => numberOf(entity, payment, false))),
      profiles: [],
    },
    labels: {
      length: known.length,
      atMs: column(known, ({ labelledAtMs }) => labelledAtMs),
      frauds: Uint8Array.from(known, ({ fraud }) => (fraud ? 1 : 0)),
      references: column(known, () => 1),
      occurredAtMs: column(known, ({ occurredAtMs }) => occurredAtMs),
      explained: new Uint8Array(known.length),
      numbers: keys.map((_, entity) => Int32Array.from(known, (payment) => numberOf(entity, payment, true))),
    },
  };
}

/** -1 for entities that an event does not name. */
function numberOf(entity: number, payment: SimulatedPayment, isLabel: boolean): number {
  const { cardNumber, terminalId, deviceId, ipAddress, email, merchantCountry } = payment;
  const ids: Record<KeyField, string | null> = {
    card_token: cardNumber,
    terminal_id: terminalId,
    device_token: deviceId,
    ip_token: ipAddress,
    bin: binOf(cardNumber),
    email_token: email,
    merchant_country: merchantCountry,
  };
  const key = keys[entity] ?? "card_token";
  const parts = keyFields(key).map((field) => ids[field]);
  if (parts.includes(null) || (isLabel && key !== "card_token" && key !== "terminal_id")) return -1;
  const id = parts.join("/");
  const known = numbers[entity] ?? new Map<string, number>();
  if (!known.has(id)) known.set(id, known.size);
  return known.get(id) ?? -1;
}

function hashesOf(ids: Iterable<string>): Uint32Array {
  const hash = { high: 0, low: 0 };
  return Uint32Array.from(ids, (id) => {
    hashId(id, hash);
    return hash.high;
  });
}

function foldAll(engine: string, paymentsMax: number): FoldFigures {
  const events = eventsFrom(createSimulation(SIMULATION), START_MS);
  const blocks: EventBlock[] = [];
  for (let left = paymentsMax; left > 0; left -= BLOCK_PAYMENTS)
    blocks.push(nextBlock(events, Math.min(left, BLOCK_PAYMENTS)));
  const counts = numbers.map((known) => known.size);
  const hashes = numbers.map((known) => hashesOf(known.keys()));
  const fold = new (engine === "bulk" ? ShareFold : OnlineShare)({ spec, share: 0, shares: 1, counts, hashes });
  const hash = createHash("sha256");
  const out = spec.features.map(() => new Float64Array(BLOCK_PAYMENTS));
  let [foldMs, foldCpuMs] = [0, 0];
  for (const block of blocks) {
    const [startedAt, before] = [performance.now(), process.cpuUsage()];
    for (const step of FOLD_STEPS) fold.fold(step, block, out);
    const { user, system } = process.cpuUsage(before);
    foldMs += performance.now() - startedAt;
    foldCpuMs += (user + system) / 1_000;
    for (const values of out) hash.update(values.subarray(0, block.payments.length));
  }
  return { payments: paymentsMax, foldMs, foldCpuMs, values: hash.digest("hex") };
}

const [engine = "bulk", payments = "1"] = process.argv.slice(2);
process.stdout.write(`${JSON.stringify(foldAll(engine, Number(payments)))}\n`);
