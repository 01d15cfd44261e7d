import { TOPICS } from "@tripline/contracts/topics";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { unreadRecords } from "../reports/unread-records.js";
import { PROJECTION_GROUP } from "./projection.controller.js";

/** Determines a time up to which all payments were read: those on `features` by that time are in the database. */
export class ProjectionProgress {
  #goal: { readonly atMs: number; readonly ends: ReadonlyMap<number, number> } | undefined;
  #readUntilMs = 0;

  constructor(private readonly admin: Pick<KafkaAdmin, "startOffsets" | "endOffsets" | "committedOffsets">) {}

  /** 0 until the time is known. */
  get readUntilMs(): number {
    return this.#readUntilMs;
  }

  /**
   * Called periodically. Each goal is the end of the topic when the previous goal was reached, because under traffic
   * the current end is never reached.
   *
   * @throws TriplineError `kafka-unavailable`
   */
  async advance(nowMs: number): Promise<void> {
    const { name } = TOPICS.features;
    this.#goal ??= { atMs: nowMs, ends: await this.admin.endOffsets(name) };
    const { atMs, ends } = this.#goal;
    if ((await unreadRecords(this.admin, { group: PROJECTION_GROUP, topic: name, ends })) > 0) return;
    this.#readUntilMs = atMs;
    this.#goal = undefined;
  }
}
