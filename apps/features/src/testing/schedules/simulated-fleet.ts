import { TriplineError } from "@tripline/contracts/error-table";
import { appliedKey } from "@tripline/contracts/redis-keys";
import { completeKey } from "@tripline/feature-engine/state/state-key";
import type { WorkGatherer } from "@tripline/kafka/consumer/work-gatherer";
import type { OutgoingRecord, RecordBatch } from "@tripline/kafka/port";
import { BatchProcessor } from "../../batches/batch-processor.js";
import { FeatureMetrics } from "../../feature-metrics.js";
import { ProfileReader } from "../../profiles/profile-reader.js";
import { PartitionKeys } from "../../states/partition-keys.js";
import { StateCompleteness } from "../../states/state-completeness.js";
import type { Change, CommittedOffset, Snapshot } from "../../states/state-store.js";
import { StateStore } from "../../states/state-store.js";
import { START_MS } from "../events.js";
import { gatherFor } from "../gatherer.js";
import type { PlannedPartition } from "./planned-log.js";
import { scheduleEngine } from "./planned-log.js";
import type { RedisServer } from "./redis-server.js";
import { SteppedRedis } from "./stepped-redis.js";

const CLUSTER = "cluster";
const TTL_SECONDS = 100_000;

/** An instance's view of a partition that it reads. */
interface Reading {
  readonly log: PlannedPartition;
  /** Offset of the next record to take. */
  position: number;
  isBusy: boolean;
}

/** One process of the service: its store on a separate connection, and the partitions that it believes it owns. */
export class SimulatedInstance {
  readonly connection: SteppedRedis;
  readonly readings = new Map<PlannedPartition, Reading>();
  /** Attempts that are waiting for a retry. */
  readonly pauses: (() => void)[] = [];
  readonly metrics = new CountedConflicts();
  /** Number of batches that are being counted or emitted, including those of lost partitions. */
  running = 0;
  readonly #gatherer: WorkGatherer<RecordBatch>;

  constructor(
    server: RedisServer,
    private readonly fleet: SimulatedFleet,
  ) {
    this.connection = new SteppedRedis(server);
    const store = new ContendedStore(this.connection.redis, {
      stateTtlSeconds: TTL_SECONDS,
      completeKey: completeKey(scheduleEngine.entities),
      committed: fleet,
    });
    const processor = new BatchProcessor(
      scheduleEngine,
      store,
      new PartitionKeys(fleet, store, { KAFKA_TOPIC_PREFIX: "" }),
      new StateCompleteness(fleet, store),
      new ProfileReader({ engine: scheduleEngine, onUnreadable: () => {} }),
      { send: (records) => fleet.send(records), close: async () => {} },
      this.metrics,
      { now: () => fleet.now(), pause: () => new Promise<void>((resolve) => this.pauses.push(resolve)) },
    );
    this.#gatherer = gatherFor(processor);
  }

  /**
   * Takes the next records of a partition. This may succeed, fail, or never end before the schedule does.
   *
   * @returns false if it cannot take any now
   */
  take(reading: Reading, count: number): boolean {
    const { topic, partition } = reading.log;
    const records = reading.log.records.slice(reading.position, reading.position + count);
    if (records.length === 0 || reading.isBusy) return false;
    reading.isBusy = true;
    this.running += 1;
    this.#gatherer.run({ topic, partition, records }).then(
      () => {
        this.running -= 1;
        reading.isBusy = false;
        reading.position += records.length;
      },
      (error: unknown) => {
        this.running -= 1;
        reading.isBusy = false;
        this.fleet.failed(error);
        // Everything after the last commit is redelivered.
        reading.position = this.fleet.committedOf(reading.log);
      },
    );
    return true;
  }
}

/** Takes the turn after every conflict, because few batches of a schedule have as many conflicts as it normally takes. */
class ContendedStore extends StateStore {
  #hasLost = false;

  override read(...[applied, states, options]: Parameters<StateStore["read"]>): Promise<Snapshot> {
    return super.read(applied, states, { ...options, takesTurn: this.#hasLost });
  }

  override async compareAndSet(change: Change): Promise<boolean> {
    const written = await super.compareAndSet(change);
    this.#hasLost = !written;
    return written;
  }
}

class CountedConflicts extends FeatureMetrics {
  conflicts = 0;

  override conflict(topic: string): void {
    super.conflict(topic);
    this.conflicts += 1;
  }
}

/** Kafka's state: the log, the owner of each partition, committed offsets, and produced records. */
export class SimulatedFleet {
  readonly instances: SimulatedInstance[] = [];
  readonly sent: OutgoingRecord[] = [];
  /** Pending requests to Kafka. */
  readonly questions: (() => void)[] = [];
  /** Errors that are not explained by any fault of the schedule. */
  readonly surprises: unknown[] = [];
  readonly #owners = new Map<PlannedPartition, SimulatedInstance>();
  readonly #committed = new Map<PlannedPartition, number>();
  #nowMs = START_MS;
  /** Whether a failover has lost writes. */
  hasLostWrites = false;
  /** The next records are rejected, or accepted without a reply. */
  sendFault: "before" | "after" | undefined;

  constructor(
    readonly log: readonly PlannedPartition[],
    private readonly server: RedisServer,
  ) {}

  /** A clock that never repeats a time, so recomputed features differ. */
  now(): number {
    this.#nowMs += 1;
    return this.#nowMs;
  }

  start(): SimulatedInstance {
    const instance = new SimulatedInstance(this.server, this);
    this.instances.push(instance);
    return instance;
  }

  ownerOf(log: PlannedPartition): SimulatedInstance | undefined {
    return this.#owners.get(log);
  }

  /**
   * Assigns a partition to an instance. The previous owner does not notice yet.
   *
   * @returns false if it already owns the partition
   */
  assign(log: PlannedPartition, instance: SimulatedInstance): boolean {
    if (this.#owners.get(log) === instance) return false;
    this.#owners.set(log, instance);
    instance.readings.set(log, { log, position: this.committedOf(log), isBusy: false });
    return true;
  }

  /**
   * A new instance takes over all partitions of an instance that does not notice it yet, as in a rolling deployment.
   *
   * @returns false if that instance has none
   */
  replace(instance: SimulatedInstance): boolean {
    const own = this.log.filter((log) => this.#owners.get(log) === instance);
    if (own.length === 0) return false;
    const successor = this.start();
    for (const log of own) this.assign(log, successor);
    return true;
  }

  /**
   * Kafka accepts commits only from the owner.
   *
   * @returns false if there is nothing to commit
   */
  commit(log: PlannedPartition, instance: SimulatedInstance): boolean {
    const position = instance.readings.get(log)?.position ?? 0;
    if (this.#owners.get(log) !== instance || position <= this.committedOf(log)) return false;
    this.#committed.set(log, position);
    return true;
  }

  /** Whether no instance is counting or emitting a batch. */
  get isIdle(): boolean {
    return this.instances.every(({ running }) => running === 0);
  }

  commitAll(): void {
    for (const [log, owner] of this.#owners) this.commit(log, owner);
  }

  /** Replaces the server with its replica. @returns false if there is none */
  async failOver(): Promise<boolean> {
    if (!(await this.server.rollBack())) return false;
    for (const { connection } of this.instances) await connection.break();
    return true;
  }

  committedOf(log: PlannedPartition): number {
    return this.#committed.get(log) ?? 0;
  }

  get isDone(): boolean {
    return this.log.every((log) => this.committedOf(log) === log.records.length);
  }

  async send(records: readonly OutgoingRecord[]): Promise<void> {
    const fault = this.sendFault;
    this.sendFault = undefined;
    // Copied when Kafka replies, to check that later rounds have not reused the memory by then.
    await this.#asked(() => {
      if (fault !== "before") this.sent.push(...records.map((one) => ({ ...one, value: Buffer.from(one.value) })));
    });
    if (fault !== undefined) throw new TriplineError("kafka-unavailable", "as the schedule wants it");
  }

  failed(error: unknown): void {
    const passing = ["redis-unavailable", "kafka-unavailable", "state-conflict"];
    if (!(error instanceof TriplineError) || !passing.includes(error.code)) this.surprises.push(error);
  }

  /* The service's request to Kafka. The reply contains the state at the time when the schedule allows it. */

  clusterId(): Promise<string> {
    return this.#asked(() => CLUSTER);
  }

  endOffsets(topic: string): Promise<Map<number, number>> {
    const ends = this.log.filter((one) => one.topic === topic);
    return this.#asked(() => new Map(ends.map(({ partition, records }) => [partition, records.length])));
  }

  committedOffsets(_group: string, topic: string): Promise<Map<number, number>> {
    return this.#asked(() => {
      const offsets = [...this.#committed].filter(([log]) => log.topic === topic);
      return new Map(offsets.map(([log, offset]) => [log.partition, offset]));
    });
  }

  /** Like `CommittedOffsets`, but treats every gap as a loss, because a schedule has no dead letters. */
  byKey(): Promise<Map<string, CommittedOffset>> {
    const isCountedFrom = async () => true;
    return this.#asked(
      () => new Map([...this.#committed].map(([log, next]) => [this.appliedKeyOf(log), { next, isCountedFrom }])),
    );
  }

  #asked<T>(answer: () => T): Promise<T> {
    return new Promise((resolve) => this.questions.push(() => resolve(answer())));
  }

  appliedKeyOf({ topic, partition }: PlannedPartition): string {
    return appliedKey(CLUSTER, topic, partition);
  }
}
