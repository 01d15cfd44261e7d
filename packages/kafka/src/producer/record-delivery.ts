import { setTimeout as sleep } from "node:timers/promises";
import type { Message, Producer, RetryOptions } from "kafkajs";
import { asKafkaError, isRecordFault } from "../kafka-fault.js";
import type { Client, OpenClient } from "../open-client.js";
import type { Log } from "../port.js";
import { finishBy, settlesWithin } from "../wait-backoff.js";
import { patchProduceRequest } from "./patch-produce-request.js";
import { pickPartition } from "./pick-partition.js";

/** A record as kafkajs takes it. `topic` is the full name, with the prefix. */
export interface StampedRecord {
  readonly topic: string;
  readonly message: Message;
  /** Estimated size in a request. */
  readonly sizeBytes: number;
}

/** Longest wait for one answer of a broker; also what the broker may take to gather its replicas' acknowledgements. */
const REQUEST_MS_MAX = 2_000;
/** Tries of kafkajs itself, 2 s in all: with the same sequence numbers, so that they cannot store anything twice. */
const RETRY: RetryOptions = { initialRetryTime: 50, multiplier: 2, factor: 0.2, maxRetryTime: 300, retries: 8 };
const PAUSE_MS = 50;
const DISCONNECT_MS_MAX = 1_000;

interface OpenProducer {
  readonly client: Client;
  readonly producer: Producer;
}

/**
 * Brings records to Kafka through an idempotent kafkajs producer, one request at a time, and builds a new one after any
 * failure. That is needed because kafkajs takes its sequence numbers back when a send fails in the end, although the
 * broker may have stored the records: the next, different records would go out under the same numbers, and the broker
 * would acknowledge them as a repetition without storing them. A new producer has a new id and begins at 0, which also
 * repairs OUT_OF_ORDER_SEQUENCE_NUMBER and UNKNOWN_PRODUCER_ID after a broker lost its state.
 */
export class RecordDelivery {
  #open: OpenProducer | undefined;
  #isClosed = false;

  constructor(
    private readonly openClient: OpenClient,
    private readonly log: Log,
  ) {}

  /** Connects if that works within `ms`, so that the first records need not wait for it. */
  async warmUp(ms: number): Promise<void> {
    try {
      await this.#producer(performance.now() + ms);
    } catch (thrown) {
      this.#discard();
      this.log("warn", "producer: Kafka does not answer yet", { error: asKafkaError(thrown).message });
    }
  }

  /**
   * Resolves when all in-sync replicas have acknowledged all records. One call at a time.
   *
   * @param deadlineMs on the clock of `performance.now()`
   * @throws TriplineError `kafka-unavailable` at the deadline, `body-too-large` at once
   */
  async deliver(records: readonly StampedRecord[], deadlineMs: number): Promise<void> {
    for (;;) {
      try {
        const producer = await this.#producer(deadlineMs);
        await finishBy(
          deadlineMs,
          producer.sendBatch({ acks: -1, timeout: REQUEST_MS_MAX, topicMessages: byTopic(records) }),
        );
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
    if (this.#open !== undefined) await settlesWithin(DISCONNECT_MS_MAX, this.#open.producer.disconnect());
    this.#discard();
  }

  async #producer(deadlineMs: number): Promise<Producer> {
    if (this.#open !== undefined) return this.#open.producer;
    patchProduceRequest();
    const client = this.openClient({ requestMsMax: REQUEST_MS_MAX, retry: RETRY });
    const producer = client.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: pickPartition,
      retry: RETRY,
    });
    this.#open = { client, producer };
    await finishBy(deadlineMs, producer.connect());
    return producer;
  }

  #discard(): void {
    this.#open?.client.destroy();
    this.#open = undefined;
  }
}

function byTopic(records: readonly StampedRecord[]): { topic: string; messages: Message[] }[] {
  const topics = new Map<string, Message[]>();
  for (const { topic, message } of records) {
    const messages = topics.get(topic);
    if (messages === undefined) topics.set(topic, [message]);
    else messages.push(message);
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}
