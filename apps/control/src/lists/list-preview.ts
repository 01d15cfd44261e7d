import { randomUUID } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { BROAD_KINDS } from "@tripline/contracts/generated/payment-fields";
import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { listedValues } from "@tripline/decision-engine/generated/listed-values";
import type { ListedValues } from "@tripline/decision-engine/lists/list-table";
import { readRange } from "@tripline/kafka/consumer/read-range";
import type { IncomingRecord, Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { KAFKA, KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import type { NewEntry } from "./list-requests.js";

/** Number of the newest records that are read per partition, about 10 MB. */
const RECORDS_MAX = 4_000;
const DAY_MS = 86_400_000;
/** How long the same payments are used for all previews, so that frequent requests read them only once. */
const KEPT_MS = 60_000;

interface SeenPayment {
  readonly tenant: string;
  readonly acceptedAtMs: number;
  readonly values: ListedValues;
}

/** Number of a tenant's newest payments that some entries would have matched. */
export interface PreviewFigures {
  /** Number of payments examined: at most those of one day, and fewer in a busy system. */
  readonly payments: number;
  readonly matched: number;
  /** From 0 to 1; 0 if there are no payments. */
  readonly share: number;
  /** The time at which the first of these payments was accepted; null if there are none. */
  readonly from: string | null;
}

/** Previews entries that may affect many payments. */
@Injectable()
export class ListPreview {
  #look: { readonly atMs: number; readonly payments: Promise<readonly SeenPayment[]> } | undefined;

  constructor(
    @Inject(KAFKA) private readonly kafka: Kafka,
    @Inject(KAFKA_ADMIN) private readonly admin: KafkaAdmin,
  ) {}

  /** @throws TriplineError `kafka-unavailable`, `deadline-exceeded` */
  async preview(tenant: string, entries: readonly Pick<NewEntry, "kind" | "value">[]): Promise<PreviewFigures> {
    const sinceMs = Date.now() - DAY_MS;
    const payments = (await this.#newest()).filter((one) => one.tenant === tenant && one.acceptedAtMs >= sinceMs);
    const matched = payments.filter((payment) => entries.some((entry) => matches(payment, entry))).length;
    const fromMs = payments.reduce(
      (least, { acceptedAtMs }) => Math.min(least, acceptedAtMs),
      Number.POSITIVE_INFINITY,
    );
    return {
      payments: payments.length,
      matched,
      share: payments.length === 0 ? 0 : matched / payments.length,
      from: payments.length === 0 ? null : new Date(fromMs).toISOString(),
    };
  }

  #newest(): Promise<readonly SeenPayment[]> {
    const atMs = Date.now();
    if (this.#look === undefined || atMs - this.#look.atMs > KEPT_MS) {
      const payments = this.#read();
      this.#look = { atMs, payments };
      payments.catch(() => {
        this.#look = undefined;
      });
    }
    return this.#look.payments;
  }

  async #read(): Promise<readonly SeenPayment[]> {
    const topic = TOPICS.transactions.name;
    const [starts, ends] = await Promise.all([this.admin.startOffsets(topic), this.admin.endOffsets(topic)]);
    const ranges = [...ends].map(([partition, to]) => {
      const from = Math.max(starts.get(partition) ?? 0, to - RECORDS_MAX);
      return [partition, { from, to }] as const;
    });
    const payments: SeenPayment[] = [];
    await readRange(this.kafka, {
      group: `control-preview-${randomUUID()}`,
      topic,
      ranges: new Map(ranges.filter(([, { from, to }]) => to > from)),
      handle: async ({ records }) => {
        for (const record of records) payments.push(...read(record));
      },
      skipped: () => {},
    });
    return payments;
  }
}

/** Skips undecodable records, because other consumers dead-letter them. */
function read({ value }: IncomingRecord): SeenPayment[] {
  try {
    const transaction = Transaction.decode(value);
    const values: ListedValues = listedValues(transaction);
    const { tenant, acceptedAtMs } = transaction;
    return [{ tenant, acceptedAtMs, values: Object.fromEntries(BROAD_KINDS.map((kind) => [kind, values[kind]])) }];
  } catch {
    return [];
  }
}

function matches({ values }: SeenPayment, { kind, value }: Pick<NewEntry, "kind" | "value">): boolean {
  const own = values[kind];
  if (typeof own !== "string") return own?.includes(value) ?? false;
  return kind === "bin" ? own.startsWith(value) : own === value;
}
