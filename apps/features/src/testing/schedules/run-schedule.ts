import { setImmediate as nextTurn } from "node:timers/promises";
import { appliedOffset } from "../../states/applied-batch.js";
import { TURN_KEY } from "../../states/state-store.js";
import { randomNumbers } from "../events.js";
import { findFaults, isEverythingCommitted } from "./find-faults.js";
import type { PlannedPartition } from "./planned-log.js";
import { planLog } from "./planned-log.js";
import type { RedisServer } from "./redis-server.js";
import { SimulatedFleet } from "./simulated-fleet.js";
import type { CallFate } from "./stepped-redis.js";

const INSTANCES = 2;
/** Number of steps with faults; after them, everything may finish undisturbed. */
const TROUBLED_STEPS = 90;
/** A schedule with more random choices than this does not terminate. */
const DRAWS_MAX = 10_000;
const BATCH_RECORDS_MAX = 3;
/**
 * Turns of the event loop after which all work that needs no reply is done, such as the start of a round and the steps
 * after it.
 */
const TURNS = 2;

/** Number of times that each step happened. */
export type StepCounts = Record<Step, number> & { conflicts: number };
type Step = (typeof STEPS)[number];

/** The possible steps with their relative frequencies. */
const STEPS = [
  "call answered",
  "call lost before the server",
  "call lost after the server",
  "call overdue",
  "question to Kafka answered",
  "batch taken",
  "pause ended",
  "offset committed",
  "partition moved",
  "old owner notified",
  "instance started",
  "records refused by Kafka",
  "records taken without an answer",
  "turn expired",
  "replica caught up",
  "failover",
] as const;

const WEIGHTS: Readonly<Record<Step, number>> = {
  "call answered": 40,
  "call lost before the server": 1,
  "call lost after the server": 1,
  "call overdue": 1,
  "question to Kafka answered": 6,
  "batch taken": 30,
  "pause ended": 8,
  "offset committed": 8,
  "partition moved": 3,
  "old owner notified": 3,
  "instance started": 1,
  "records refused by Kafka": 1,
  "records taken without an answer": 1,
  "turn expired": 1,
  "replica caught up": 2,
  failover: 9,
};
const LOT: readonly Step[] = STEPS.flatMap((step) => Array.from({ length: WEIGHTS[step] }, () => step));
const FATES: Partial<Readonly<Record<Step, CallFate>>> = {
  "call answered": "answered",
  "call lost before the server": "lost-before",
  "call lost after the server": "lost-after",
  "call overdue": "overdue",
};
/** The remaining steps when no more faults occur. */
const PEACEFUL: ReadonlySet<Step> = new Set([
  "call answered",
  "question to Kafka answered",
  "batch taken",
  "pause ended",
  "offset committed",
  "old owner notified",
  "turn expired",
]);
/** The steps that finish the batches in progress before a failover. */
const DRAINING_LOT: readonly Step[] = ["call answered", "question to Kafka answered", "pause ended"];
const DRAINING_DRAWS_MAX = 300;
const PEACEFUL_LOT = LOT.filter((step) => PEACEFUL.has(step));

/** Counts that are all zero. */
export function noSteps(): StepCounts {
  return { ...(Object.fromEntries(STEPS.map((step) => [step, 0])) as Record<Step, number>), conflicts: 0 };
}

export interface ScheduleResult {
  /** A sentence per violated invariant. */
  readonly faults: readonly string[];
  readonly counts: StepCounts;
}

/**
 * Runs one random order of steps, determined by the seed: instances of the service take batches of a planned log, their
 * calls to Redis proceed one by one, partitions move without their old owner noticing, instances start, and calls and
 * records are lost. Then everything finishes undisturbed, and the invariants are checked.
 */
export async function runSchedule(seed: number, server: RedisServer): Promise<ScheduleResult> {
  await server.reset();
  const schedule = new Schedule(seed, server);
  return schedule.run();
}

class Schedule {
  readonly #below: (bound: number) => number;
  readonly #fleet: SimulatedFleet;
  readonly #counts: StepCounts;
  readonly #applied = new Map<string, number>();
  readonly #faults: string[] = [];
  /** Partitions whose applied offset the replica has. */
  readonly #replicated = new Set<PlannedPartition>();

  constructor(
    seed: number,
    private readonly server: RedisServer,
  ) {
    this.#below = randomNumbers(seed);
    this.#fleet = new SimulatedFleet(planLog(this.#below), server);
    this.#counts = noSteps();
    for (let index = 0; index < INSTANCES; index += 1) this.#fleet.start();
    for (const log of this.#fleet.log) this.#fleet.assign(log, this.#pick(this.#fleet.instances));
  }

  async run(): Promise<ScheduleResult> {
    const fleet = this.#fleet;
    let troubled = TROUBLED_STEPS;
    for (let draw = 0; troubled > 0 || !fleet.isDone; draw += 1) {
      if (draw > DRAWS_MAX) {
        this.#faults.push("it does not end");
        break;
      }
      const step = this.#pick(troubled > 0 ? LOT : PEACEFUL_LOT);
      if (!(await this.#do(step))) continue;
      this.#counts[step] += 1;
      troubled -= 1;
      for (let turn = 0; turn < TURNS; turn += 1) await nextTurn();
      if (step === "call answered" || step === "call lost after the server") await this.#watchApplied();
      if (this.#faults.length > 0) break;
    }
    if (this.#faults.length === 0) this.#faults.push(...(await findFaults(fleet, this.server)));
    this.#counts.conflicts = fleet.instances.reduce((sum, { metrics }) => sum + metrics.conflicts, 0);
    return { faults: this.#faults, counts: this.#counts };
  }

  /** @returns false if no such step was possible */
  #do(step: Step): Promise<boolean> | boolean {
    const fleet = this.#fleet;
    const fate = FATES[step];
    if (fate !== undefined) return this.#call(fate);
    const instance = this.#pick(fleet.instances);
    const log = this.#pick(fleet.log);
    switch (step) {
      case "batch taken": {
        const reading = this.#pick([...instance.readings.values()]);
        return reading !== undefined && instance.take(reading, 1 + this.#below(BATCH_RECORDS_MAX));
      }
      case "question to Kafka answered": {
        const [answer] = fleet.questions.splice(this.#below(fleet.questions.length), 1);
        answer?.();
        return answer !== undefined;
      }
      case "pause ended": {
        const [end] = instance.pauses.splice(0, 1);
        end?.();
        return end !== undefined;
      }
      case "offset committed":
        return fleet.commit(log, instance);
      case "partition moved":
        return fleet.assign(log, instance);
      case "old owner notified":
        return fleet.ownerOf(log) !== instance && instance.readings.delete(log);
      case "instance started":
        return fleet.replace(instance);
      case "turn expired":
        return this.server.expire(TURN_KEY);
      case "replica caught up":
        return this.#catchUp();
      case "failover":
        return this.#failOver();
      default:
        fleet.sendFault = step === "records refused by Kafka" ? "before" : "after";
        return true;
    }
  }

  /** The next call of one of the connections with pending calls. */
  async #call(fate: CallFate): Promise<boolean> {
    const busy = this.#fleet.instances.filter(({ connection }) => connection.waiting > 0);
    if (busy.length === 0) return false;
    await this.#pick(busy).connection.step(fate);
    return true;
  }

  async #catchUp(): Promise<boolean> {
    await this.server.save();
    this.#replicated.clear();
    for (const log of this.#fleet.log) {
      if ((await this.server.get(this.#fleet.appliedKeyOf(log))) !== null) this.#replicated.add(log);
    }
    return true;
  }

  /**
   * First finishes and commits all batches in progress, because a real failover takes longer than that. Does not fail over
   * if a partition's first batch would be lost, because the service cannot detect this loss.
   *
   * @returns false, without a failover, if a batch is not committed or the replica lacks a partition's first batch
   */
  async #failOver(): Promise<boolean> {
    const fleet = this.#fleet;
    const lacksFirst = () => fleet.log.some((log) => fleet.committedOf(log) > 0 && !this.#replicated.has(log));
    if (this.#replicated.size === 0 || lacksFirst()) return false;
    for (let draw = 0; draw < DRAINING_DRAWS_MAX && !fleet.isIdle; draw += 1) {
      if (!(await this.#do(this.#pick(DRAINING_LOT)))) continue;
      for (let turn = 0; turn < TURNS; turn += 1) await nextTurn();
      await this.#watchApplied();
    }
    if (!fleet.isIdle) return false;
    fleet.commitAll();
    if (lacksFirst() || !isEverythingCommitted(fleet) || !(await fleet.failOver())) return false;
    for (const log of fleet.log) {
      const key = fleet.appliedKeyOf(log);
      const offset = appliedOffset((await this.server.get(key)) ?? undefined);
      fleet.hasLostWrites ||= offset < (this.#applied.get(key) ?? -1);
      this.#applied.set(key, offset);
    }
    return true;
  }

  /** Counted records stay counted, so the applied offset of a partition never decreases. */
  async #watchApplied(): Promise<void> {
    for (const log of this.#fleet.log) {
      const key = this.#fleet.appliedKeyOf(log);
      const offset = appliedOffset((await this.server.get(key)) ?? undefined);
      const before = this.#applied.get(key) ?? -1;
      if (offset < before) this.#faults.push(`${key} went back from ${before} to ${offset}`);
      this.#applied.set(key, offset);
    }
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)] as T;
  }
}
