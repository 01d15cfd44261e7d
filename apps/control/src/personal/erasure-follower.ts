import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { TableChange } from "@tripline/kafka/port";
import { settlesWithin, wait } from "@tripline/kafka/wait-backoff";
import { TableFollower, TableFollowerContext } from "@tripline/nest-kit/kafka/table-follower";
import { SubjectKeys } from "./subject-keys.js";

const KNOWN_MS_MAX = 30_000;
const RETRY_MS = 1_000;

/**
 * Applies published erasures to the database. A database restored from a backup contains keys of people who were erased
 * after the backup. These keys are destroyed again at the next startup, before anything is decrypted.
 */
@Injectable()
export class ErasureFollower extends TableFollower {
  readonly #closing = new AbortController();
  /** The erasures in progress, one after another. Their number is bounded by the size of the table. */
  #work: Promise<void> = Promise.resolve();

  constructor(
    @Inject(SubjectKeys) private readonly keys: SubjectKeys,
    @Inject(TableFollowerContext) context: TableFollowerContext,
  ) {
    super("control", TABLES.erasures.name, context);
  }

  /** @throws TriplineError `kafka-unavailable` if the erasures are not known within 30 s */
  async known(): Promise<void> {
    const done = this.ready().then(() => this.#work);
    if (await settlesWithin(KNOWN_MS_MAX, done)) return done;
    const detail = "The erasures have not been read from Kafka yet, so no data can be decrypted. Try again later.";
    throw new TriplineError("kafka-unavailable", detail);
  }

  override async onApplicationShutdown(): Promise<void> {
    this.#closing.abort();
    await super.onApplicationShutdown();
    await this.#work.catch(() => undefined);
  }

  /** Decryption waits for the erasures; all other parts of the service do not. */
  protected override isUsable(): boolean {
    return true;
  }

  protected override apply(changes: readonly TableChange[]): void {
    const received = changes.flatMap(({ value }) => (value === undefined ? [] : [Erasure.decode(value)]));
    this.#work = this.#work.then(() => this.#eraseAgain(received));
    // The promise rejects only at shutdown, for callers that are still waiting.
    this.#work.catch(() => undefined);
  }

  async #eraseAgain(received: readonly Erasure[]): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        return await this.keys.eraseAgain(received);
      } catch (thrown) {
        const { code, message } = asTriplineError(thrown);
        this.context.logger.error({ code }, `earlier erasures could not be applied: ${message}`);
        await wait(RETRY_MS, this.#closing.signal);
      }
    }
    throw new TriplineError("shutting-down", "The service is shutting down before all erasures have been applied.");
  }
}
