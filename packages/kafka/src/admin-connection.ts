import { setTimeout as sleep } from "node:timers/promises";
import { Admin } from "@platformatic/kafka";
import { TriplineError } from "@tripline/contracts/error-table";
import type { ClusterOptions } from "./client/platformatic/connection-options.js";
import { connectionOptions, cut, watch } from "./client/platformatic/connection-options.js";
import { asKafkaError, isPassing, isUnreachable, protocolErrorName } from "./kafka-fault.js";
import type { Backoff } from "./wait-backoff.js";
import { backoffMs, finishBy, settlesWithin } from "./wait-backoff.js";

const REQUEST_MS_MAX = 5_000;
const CALL_MS_MAX = 10_000;
/** Maximum number of retries after network errors and timeouts. */
const RETRIES = 5;
const BACKOFF: Backoff = { firstMs: 100, maxMs: 1_000 };
const POLL_MS = 50;
const DISCONNECT_MS_MAX = 1_000;

interface Session {
  readonly admin: Admin;
  calls: number;
}

/**
 * Connects on the first call. After a failed connection, the next calls use a new client that tries another broker
 * first, because the library always starts with the first one and would wait for the timeout again.
 */
export class AdminConnection {
  #brokers: readonly string[];
  #current: Session | undefined;
  #isClosed = false;

  constructor(private readonly cluster: ClusterOptions) {
    this.#brokers = cluster.brokers;
  }

  /**
   * Retries transient errors until the time limit. The library must not retry, because it would repeat a request to a
   * former leader without refreshing its metadata.
   */
  async call<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const deadlineMs = performance.now() + CALL_MS_MAX;
    for (let tries = 1; ; tries += 1) {
      const session = this.#connect();
      session.calls += 1;
      try {
        return await finishBy(deadlineMs, work(session.admin));
      } catch (thrown) {
        if (protocolErrorName(thrown) === undefined) this.#replace(session);
        const mayPass = isPassing(thrown) || (tries <= RETRIES && isUnreachable(thrown));
        const delayMs = isPassing(thrown) ? POLL_MS : backoffMs(BACKOFF, tries);
        if (this.#isClosed || !mayPass || performance.now() + delayMs > deadlineMs) throw asKafkaError(thrown);
        await sleep(delayMs);
      } finally {
        session.calls -= 1;
        this.#closeUnused(session);
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const session = this.#current;
    if (session === undefined) return;
    this.#current = undefined;
    await settlesWithin(DISCONNECT_MS_MAX, session.admin.close());
    cut(session.admin.connections);
  }

  #connect(): Session {
    if (this.#isClosed) throw new TriplineError("kafka-unavailable", "the Kafka client is closed");
    if (this.#current === undefined) {
      const options = connectionOptions({ ...this.cluster, brokers: this.#brokers }, { requestMsMax: REQUEST_MS_MAX });
      const session = { admin: new Admin({ ...options, retries: 0 }), calls: 0 };
      watch(session.admin.connections, this.cluster);
      session.admin.connections.on("failed", () => this.#replace(session));
      this.#current = session;
    }
    return this.#current;
  }

  /** Concurrent calls keep the old client until they end. */
  #replace(session: Session): void {
    if (this.#current !== session) return;
    this.#current = undefined;
    const [first, ...others] = this.#brokers;
    if (first !== undefined) this.#brokers = [...others, first];
    this.#closeUnused(session);
  }

  #closeUnused(session: Session): void {
    if (session === this.#current || session.calls > 0) return;
    cut(session.admin.connections);
    session.admin.close().catch(() => {});
  }
}
