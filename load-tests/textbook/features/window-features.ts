import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { ChainableCommander } from "ioredis";
import type { TransactionMessage } from "../messages.js";

/** One entity of a payment: a card, a terminal, a device or an address. */
export interface Entity {
  readonly name: string;
  readonly key: string;
  /** The entities whose distinct values its windows count: terminals for a card, otherwise cards. */
  readonly partner: string;
}

/** The data of each payment that is stored for 30 days, as a member of the sorted set. Its score is the time. */
interface Past {
  readonly atMs: number;
  readonly amount: number;
  readonly partner: string;
}

interface WindowStats {
  count: number;
  sum: number;
  squares: number;
  max: number;
  partners: Set<string>;
}

type Feature = FeatureSpec["features"][number];
type Replies = NonNullable<Awaited<ReturnType<ChainableCommander["exec"]>>>;

const KEPT_MS = 30 * 86_400_000;
const COMMANDS_PER_ENTITY = 4;
const MINOR_PER_MAJOR = 100;
const MS_PER_S = 1_000;
const NIGHT_ENDS_HOUR = 7;
const SATURDAY = 6;

export function entitiesOf(transaction: TransactionMessage): Entity[] {
  const { cardToken: card, terminalId: terminal, deviceToken: device, ipToken: ip } = transaction;
  return [
    { name: "card", key: `textbook:card:${card}`, partner: terminal },
    { name: "terminal", key: `textbook:terminal:${terminal}`, partner: card },
    ...(device === undefined ? [] : [{ name: "device", key: `textbook:device:${device}`, partner: card }]),
    ...(ip === undefined ? [] : [{ name: "ip", key: `textbook:ip:${ip}`, partner: card }]),
  ];
}

/**
 * The features of a payment from sorted sets: ZADD, ZREMRANGEBYSCORE, and one range per entity, which is scanned once
 * per window. Features of labels, card baselines and places have their defaults, which is less work than the spec
 * requires.
 */
export class WindowFeatures {
  readonly #spec = currentFeatureSpec();

  addCommands(pipeline: ChainableCommander, { key, partner }: Entity, transaction: TransactionMessage): void {
    const { id, amountMinor, occurredAtMs: atMs } = transaction;
    pipeline.zadd(key, atMs, `${id}|${amountMinor}|${partner}`);
    pipeline.zremrangebyscore(key, 0, atMs - KEPT_MS);
    pipeline.expire(key, KEPT_MS / MS_PER_S);
    pipeline.zrangebyscore(key, atMs - KEPT_MS, atMs, "WITHSCORES");
  }

  compute(entities: readonly Entity[], replies: Replies, transaction: TransactionMessage): number[] {
    const pasts = new Map<string, readonly Past[]>();
    entities.forEach(({ name }, index) => {
      pasts.set(name, pastsOf(replies[index * COMMANDS_PER_ENTITY + COMMANDS_PER_ENTITY - 1]?.[1]));
    });
    const stats = new Map<string, WindowStats>();
    return this.#spec.features.map((feature) => this.#valueOf(feature, pasts, stats, transaction));
  }

  #valueOf(
    feature: Feature,
    pasts: ReadonlyMap<string, readonly Past[]>,
    stats: Map<string, WindowStats>,
    transaction: TransactionMessage,
  ): number {
    if (!("entity" in feature)) return ofPayment(feature.kind, transaction) ?? feature.default;
    const past = pasts.get(feature.entity);
    if (past === undefined) return feature.default;
    if (!("window" in feature)) return ofPast(feature.kind, past, transaction) ?? feature.default;
    const name = `${feature.entity} ${feature.window}`;
    let known = stats.get(name);
    if (known === undefined) {
      const widthMs = this.#spec.windows[feature.window]?.width ?? 0;
      known = statsOf(past, transaction.occurredAtMs - widthMs);
      stats.set(name, known);
    }
    return ofWindow(feature.kind, known, transaction.amountMinor / MINOR_PER_MAJOR) ?? feature.default;
  }
}

function pastsOf(reply: unknown): readonly Past[] {
  if (!Array.isArray(reply)) return [];
  const pasts: Past[] = [];
  for (let at = 0; at < reply.length; at += 2) {
    const [, amount = "0", partner = ""] = String(reply[at]).split("|");
    pasts.push({ atMs: Number(reply[at + 1]), amount: Number(amount) / MINOR_PER_MAJOR, partner });
  }
  return pasts;
}

/** Statistics of the past payments in a window. The payments are ordered newest first. */
function statsOf(pasts: readonly Past[], sinceMs: number): WindowStats {
  const stats: WindowStats = { count: 0, sum: 0, squares: 0, max: 0, partners: new Set() };
  for (let at = pasts.length - 1; at >= 0; at -= 1) {
    const past = pasts[at];
    if (past === undefined || past.atMs <= sinceMs) break;
    stats.count += 1;
    stats.sum += past.amount;
    stats.squares += past.amount * past.amount;
    stats.max = Math.max(stats.max, past.amount);
    stats.partners.add(past.partner);
  }
  return stats;
}

function ofWindow(kind: string, { count, sum, squares, max, partners }: WindowStats, amount: number) {
  const mean = count === 0 ? 0 : sum / count;
  const deviation = count < 2 ? 0 : Math.sqrt(Math.max(0, (squares - count * mean * mean) / (count - 1)));
  switch (kind) {
    case "count":
      return count;
    case "sum":
      return sum;
    case "mean":
      return mean;
    case "max":
      return max;
    case "std":
      return deviation;
    case "z_score":
      return deviation === 0 ? 0 : (amount - mean) / deviation;
    case "ratio_to_mean":
      return mean === 0 ? 1 : amount / mean;
    case "distinct":
      return partners.size;
    default:
      return undefined;
  }
}

function ofPast(kind: string, pasts: readonly Past[], { terminalId, occurredAtMs }: TransactionMessage) {
  const before = pasts.slice(0, -1);
  switch (kind) {
    case "seconds_since_last":
      return before.length === 0 ? undefined : (occurredAtMs - (before.at(-1)?.atMs ?? 0)) / MS_PER_S;
    case "pair_is_new":
      return before.some(({ partner }) => partner === terminalId) ? 0 : 1;
    case "pair_count":
      return before.filter(({ partner }) => partner === terminalId).length;
    case "pair_seconds_since_last": {
      const last = before.findLast(({ partner }) => partner === terminalId);
      return last === undefined ? undefined : (occurredAtMs - last.atMs) / MS_PER_S;
    }
    default:
      return undefined;
  }
}

function ofPayment(kind: string, { amountMinor, occurredAtMs }: TransactionMessage) {
  const at = new Date(occurredAtMs);
  switch (kind) {
    case "amount":
      return amountMinor / MINOR_PER_MAJOR;
    case "hour_of_day":
      return at.getUTCHours();
    case "day_of_week":
      return at.getUTCDay();
    case "is_weekend":
      return at.getUTCDay() === 0 || at.getUTCDay() === SATURDAY ? 1 : 0;
    case "is_night":
      return at.getUTCHours() < NIGHT_ENDS_HOUR ? 1 : 0;
    default:
      return undefined;
  }
}
