import { randomBytes } from "node:crypto";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { OutgoingRecord } from "@tripline/kafka/port";

const SPEC = currentFeatureSpec();

export interface PaymentChange {
  readonly id?: string;
  readonly tenant?: string;
  readonly values?: Readonly<Record<string, number>>;
  readonly specVersion?: number;
  readonly incomplete?: boolean;
  readonly transaction?: Partial<Transaction>;
  readonly headers?: Readonly<Record<string, string>>;
}

const DAY_MS = 86_400_000;

/** The most recent noon (UTC), because the shipped policy has a rule for the night, and tests run at night as well. */
function lastNoonMs(): number {
  const sinceNoonMs = (Date.now() + DAY_MS / 2) % DAY_MS;
  return Date.now() - sinceNoonMs;
}

/** A record as features writes it. By default, every payment has its own card. */
export function payment(change: PaymentChange = {}): { id: string; record: OutgoingRecord } {
  const id = change.id ?? `txn_${randomBytes(16).toString("hex")}`;
  const amount = change.values?.amount ?? 12.5;
  const vector: FeatureVector = {
    transaction: {
      transactionId: id,
      tenant: change.tenant ?? "demo",
      clientTransactionId: `client-${id}`,
      cardToken: id.replace("txn_", "ct_"),
      ...UNSENT,
      terminalId: "term-1",
      amountMinor: Math.round(100 * amount),
      currency: "EUR",
      occurredAtMs: lastNoonMs(),
      acceptedAtMs: Date.now(),
      ...change.transaction,
    },
    specVersion: change.specVersion ?? SPEC.version,
    values: SPEC.features.map(({ name, default: byDefault }) => {
      const usual = name === "amount" ? amount : name === "card_count_30d" ? 20 : byDefault;
      return change.values?.[name] ?? usual;
    }),
    sequences: [1, 1, 0, 0],
    tooLate: false,
    incomplete: change.incomplete ?? false,
    profileTimesMs: [],
    computedAtMs: Date.now(),
  };
  const headers = {
    [HEADERS.schema]: TOPICS.features.schema,
    [HEADERS.tenant]: change.tenant ?? "demo",
    ...change.headers,
  };
  const key = id.replace("txn_", "ct_");
  return { id, record: { topic: TOPICS.features.name, key, value: FeatureVector.encode(vector).finish(), headers } };
}
