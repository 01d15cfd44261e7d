import { setTimeout as sleep } from "node:timers/promises";
import type { ClientLibrary, ClientProducer, StampedRecord } from "../client/client-library.js";
import { asKafkaError, isRecordFault } from "../kafka-fault.js";
import type { Log } from "../port.js";
import { finishBy, settlesWithin } from "../wait-backoff.js";

/** Maximum wait for a broker's response, and for its replicas to acknowledge. */
const REQUEST_MS_MAX = 2_000;
const PAUSE_MS = 50;
const DISCONNECT_MS_MAX = 1_000;

/**
 * Delivers records to Kafka with an idempotent producer, one request at a time. Creates a new producer after any
 * failure: if the broker has stored the records of a failed send, it would acknowledge further records with the same
 * sequence numbers as duplicates, without storing them. A new producer has a new ID and starts at 0, which also
 * resolves OUT_OF_ORDER_SEQUENCE_NUMBER and UNKNOWN_PRODUCER_ID after a broker has lost its state.
 */
export class RecordDelivery {
  #open: ClientProducer | undefined;
  #isClosed = false;

  constructor(
    private readonly library: ClientLibrary,
    private readonly log: Log,
  ) {}

  /** Tries to connect within `ms`, so that the first records do not have to wait for a connection. */
  async warmUp(ms: number): Promise<void> {
    try {
      await this.#producer(performance.now() + ms);
    } catch (thrown) {
      this.#discard();
      this.log("warn", "producer: Kafka is not responding yet", { error: asKafkaError(thrown).message });
    }
  }

  /**
   * Resolves when all in-sync replicas have acknowledged all records. Only one call at a time is allowed.
   *
   * @param deadlineMs on the clock of `performance.now()`
   * @throws TriplineError `kafka-unavailable` at the deadline, `body-too-large` immediately
   */
  async deliver(records: readonly StampedRecord[], deadlineMs: number): Promise<void> {
    for (;;) {
      try {
        const producer = await this.#producer(deadlineMs);
        await finishBy(deadlineMs, producer.send(records));
        return;
      } catch (thrown) {
        this.#discard();
        const error = asKafkaError(thrown);
        const isLast = this.#isClosed || isRecordFault(thrown) || performance.now() + PAUSE_MS >= deadlineMs;
        this.log(isLast ? "warn" : "info", "producer: records were not acknowledged", {
          records: records.length,
          error: error.message,
          triesAgain: !isLast,
        });
        if (isLast) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#open !== undefined) await settlesWithin(DISCONNECT_MS_MAX, this.#open.close());
    this.#discard();
  }

  async #producer(deadlineMs: number): Promise<ClientProducer> {
    if (this.#open !== undefined) return this.#open;
    const producer = this.library.producer({ requestMsMax: REQUEST_MS_MAX });
    this.#open = producer;
    await finishBy(deadlineMs, producer.connect());
    return producer;
  }

  #discard(): void {
    this.#open?.destroy();
    this.#open = undefined;
  }
}
