import { currencyDecimals } from "@tripline/contracts/currency";
import type { Feature } from "@tripline/contracts/feature-spec";

/** The oracle's usual amount and run of frauds, computed from lists of all events in the order of arrival. */
interface Amount {
  readonly atMs: number;
  readonly thousandths: number;
}

interface LabelledPayment {
  readonly occurredAtMs: number;
  readonly fraud: boolean;
}

export interface Usual {
  readonly count: number;
  readonly sum: number;
  readonly unusual: readonly { readonly atMs: number; readonly ratio: number }[];
}

export function usualOf(payments: readonly Amount[], horizonMs: number): Usual {
  let [count, sum, newestMs] = [0, 0, -1];
  let unusual: { atMs: number; ratio: number }[] = [];
  for (const { atMs, thousandths } of payments) {
    newestMs = Math.max(newestMs, atMs);
    if (thousandths === 0) continue;
    const isUnusual = count > 0 && thousandths * count >= 2 * sum;
    if (isUnusual) {
      const ratio = Math.floor(((thousandths * count) / sum) * 1000) / 1000;
      const expiredMs = newestMs - horizonMs;
      unusual = [...unusual.slice(-31).filter((row) => row.atMs > expiredMs), { atMs, ratio }];
    }
    sum += count === 0 ? thousandths : Math.min(thousandths, Math.ceil((2.5 * sum) / count));
    count += 1;
    if (count === 256) [count, sum] = [128, Math.ceil(sum / 2)];
  }
  return { count, sum, unusual };
}

/** When the last genuine payment took place, and the frauds since then; -Infinity if there is no such payment. */
export function runOf(labelled: readonly LabelledPayment[]): {
  readonly genuineMs: number;
  readonly frauds: readonly LabelledPayment[];
} {
  let genuineMs = Number.NEGATIVE_INFINITY;
  let frauds: LabelledPayment[] = [];
  for (const payment of labelled) {
    if (payment.fraud) {
      if (payment.occurredAtMs > genuineMs) frauds.push(payment);
      continue;
    }
    genuineMs = Math.max(genuineMs, payment.occurredAtMs);
    if (frauds.some(({ occurredAtMs }) => occurredAtMs <= payment.occurredAtMs)) frauds = [];
  }
  return { genuineMs, frauds };
}

export function labelFeature(feature: Feature, past: readonly { readonly fraud: boolean }[]): number {
  const frauds = past.filter((other) => other.fraud).length;
  if (feature.kind === "fraud_risk") {
    return (frauds + feature.prior * feature.weight) / (past.length + feature.weight);
  }
  if (past.length === 0) return feature.default;
  if (feature.kind === "label_count") return past.length;
  return feature.kind === "fraud_count" ? frauds : frauds / past.length;
}

export function thousandths(event: { readonly amountMinor: number; readonly currency: string }): number {
  return Math.round(event.amountMinor * 10 ** (3 - currencyDecimals(event.currency)));
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
