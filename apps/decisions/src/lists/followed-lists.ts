import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import type { ListHit, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { ListEntry } from "@tripline/contracts/generated/tripline/events/v1/events";
import { readListKey } from "@tripline/contracts/lists/list-key";
import { TABLES } from "@tripline/contracts/topics";
import { listedValues } from "@tripline/decision-engine/generated/listed-values";
import { ListTable } from "@tripline/decision-engine/lists/list-table";
import type { TableChange } from "@tripline/kafka/port";
import { TableFollower, TableFollowerContext } from "@tripline/nest-kit/kafka/table-follower";
import { DecisionMetrics } from "../decision-metrics.js";

/**
 * The lists in memory, kept up to date from their topic. Nothing is decided before they are fully loaded, so that a
 * card on a deny list is not approved only because this instance has just started. If Kafka becomes unavailable later,
 * the lists stay as they are, and the instance is not ready.
 */
@Injectable()
export class FollowedLists extends TableFollower {
  readonly #table = new ListTable();
  #endWatch = () => {};

  constructor(
    @Inject(DecisionMetrics) private readonly metrics: DecisionMetrics,
    @Inject(TableFollowerContext) context: TableFollowerContext,
  ) {
    super("decisions", TABLES.lists.name, context);
  }

  override async onModuleInit(): Promise<void> {
    await super.onModuleInit();
    this.#endWatch = this.metrics.watchLists({
      entries: () => this.#table.size,
      areCurrent: () => this.isFollowed(),
    });
  }

  /** The list entries that a payment matches at `atMs`, the strictest first. */
  hits(payment: Transaction, atMs: number): ListHit[] {
    return this.#table.find(payment.tenant, listedValues(payment), atMs);
  }

  override async onApplicationShutdown(): Promise<void> {
    this.#endWatch();
    await super.onApplicationShutdown();
  }

  protected override apply(changes: readonly TableChange[]): void {
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
    this.metrics.listEntryIgnored();
    this.context.logger.warn({ tenant, list, kind, effect }, "a list entry is not supported by this version");
  }
}

function decode(key: string, value: Buffer): ListEntry {
  try {
    return ListEntry.decode(value);
  } catch (cause) {
    throw new TriplineError(
      "message-unreadable",
      `The list entry ${key} is not a valid ListEntry protobuf message.`,
      [],
      { cause },
    );
  }
}
