import type { OnApplicationShutdown, OnModuleInit } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import type { ListHit, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { ListEntry } from "@tripline/contracts/generated/tripline/events/v1/events";
import { readListKey } from "@tripline/contracts/list-key";
import { TABLES } from "@tripline/contracts/topics";
import { ListTable } from "@tripline/decision-engine/lists/list-table";
import type { FollowedTable, Kafka, TableChange } from "@tripline/kafka/port";
import type { Readiness } from "@tripline/nest-kit/readiness";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import type { DecisionMetrics } from "../decision-metrics.js";

const GROUP = "decisions-lists";

export interface FollowedListsOptions {
  readonly kafka: Kafka;
  readonly readiness: Pick<Readiness, "add">;
  readonly metrics: DecisionMetrics;
  readonly logger: Logger;
}

/**
 * The lists in memory, kept up with their topic. Nothing is decided before they have been read to their end once: a denied
 * card must not be approved because this instance is young. When Kafka is away later the lists stay as they were, and the
 * instance is not ready.
 */
export class FollowedLists implements OnModuleInit, OnApplicationShutdown {
  readonly #options: FollowedListsOptions;
  readonly #table = new ListTable();
  #followed: FollowedTable | undefined;
  #endWatch = () => {};

  constructor(options: FollowedListsOptions) {
    this.#options = options;
  }

  async onModuleInit(): Promise<void> {
    const { kafka, readiness, metrics, logger } = this.#options;
    this.#followed = await kafka.follow({
      topic: TABLES.lists.name,
      group: GROUP,
      apply: (changes) => this.#apply(changes),
      onStop: (error) => logger.fatal({ code: error.code }, `the lists are not followed any more: ${error.message}`),
    });
    this.#endWatch = metrics.watchLists({ entries: () => this.#table.size, areCurrent: () => this.#areCurrent() });
    readiness.add("lists", () => {
      if (!this.#areCurrent()) throw new TriplineError("kafka-unavailable", "The lists cannot be followed.");
    });
  }

  /**
   * Resolves when the lists have been read.
   *
   * @throws TriplineError `shutting-down`
   */
  async ready(): Promise<void> {
    if (this.#followed === undefined) throw new TriplineError("internal", "The lists are not followed yet.");
    await this.#followed.ready;
  }

  /** The entries that a payment is on at `atMs`, the strictest first. */
  hits({ tenant, cardToken, deviceToken, ipToken, terminalId }: Transaction, atMs: number): ListHit[] {
    const values = { card: cardToken, device: deviceToken, ip: ipToken, terminal: terminalId };
    return this.#table.find(tenant, values, atMs);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#endWatch();
    await this.#followed?.close();
  }

  #areCurrent(): boolean {
    return this.#followed?.isHealthy() ?? false;
  }

  #apply(changes: readonly TableChange[]): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.#remove(key);
      else this.#put(key, value);
    }
  }

  #remove(text: string): void {
    const key = readListKey(text);
    if (key !== undefined) this.#table.remove(key);
  }

  #put(key: string, value: Buffer): void {
    const entry = decode(key, value);
    if (this.#table.put(entry)) return;
    const { tenant, list, kind, effect } = entry;
    this.#options.metrics.listEntryIgnored();
    this.#options.logger.warn({ tenant, list, kind, effect }, "a list entry is of no use to this version");
  }
}

function decode(key: string, value: Buffer): ListEntry {
  try {
    return ListEntry.decode(value);
  } catch (cause) {
    throw new TriplineError("message-unreadable", `The list entry ${key} is not protobuf of ListEntry.`, [], { cause });
  }
}
