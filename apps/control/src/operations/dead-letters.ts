import { Inject, Injectable } from "@nestjs/common";
import { HEADERS } from "@tripline/contracts/headers";
import type { DeadLetter, LetterPlace, Returned } from "@tripline/kafka/dead-letters/return-letters";
import {
  describeLetter,
  LETTERED_TOPICS,
  readLetters,
  returnLetters,
  waitingLetters,
} from "@tripline/kafka/dead-letters/return-letters";
import type { IncomingRecord, Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { KAFKA, KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";
import { maskTokens } from "../requests/mask-tokens.js";
import { RETURNABLE_TOPICS } from "./operations-requests.js";

/** Maximum number of dead letters shown per topic; the newest ones are shown. */
const SHOWN_MAX = 200;
/** Equals the retention of dead letters in Kafka. */
const KEPT_DAYS = 90;

const placeRow = z.object({ partition: z.number(), offset: z.coerce.number() });

/** A dead letter without its value, which may contain personal data. */
export interface ShownLetter extends DeadLetter {
  readonly tenant: string;
  /** The key of the record, masked. */
  readonly key: string;
  readonly bytes: number;
}

export interface WaitingLetters {
  readonly topic: string;
  /** Number of waiting dead letters, including those not shown. */
  readonly count: number;
  readonly canReturn: boolean;
  /** The dead letters, newest first. */
  readonly letters: readonly ShownLetter[];
}

interface ReturnRequest {
  readonly topic: string;
  readonly code?: string | undefined;
  readonly letters?: readonly LetterPlace[] | undefined;
}

/** Shows and redrives records that no consumer could process. */
@Injectable()
export class DeadLetters {
  #look: Promise<readonly WaitingLetters[]> | undefined;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(KAFKA) private readonly kafka: Kafka,
    @Inject(KAFKA_ADMIN) private readonly admin: KafkaAdmin,
  ) {}

  /**
   * Topics with dead letters. Concurrent callers share one read.
   *
   * @throws TriplineError `kafka-unavailable`, `deadline-exceeded`
   */
  waiting(): Promise<readonly WaitingLetters[]> {
    this.#look ??= this.#lookThrough().finally(() => {
      this.#look = undefined;
    });
    return this.#look;
  }

  /**
   * Redrives dead letters. A record that fails again becomes a new dead letter.
   *
   * @throws TriplineError `state-conflict` while another redrive is running; `kafka-unavailable`, `deadline-exceeded`
   */
  async return(by: Managed, { topic, code, letters }: ReturnRequest): Promise<Returned> {
    await this.database.execute(
      `DELETE FROM control.returned_letters WHERE returned_at < now() - make_interval(days => ${KEPT_DAYS})`,
    );
    const back = await this.#returnedOf(topic);
    return returnLetters(this.kafka, topic, {
      code,
      places: letters,
      isBack: (place) => back.has(nameOf(place)),
      onReturned: (returned) => this.#note(by, topic, returned),
    });
  }

  async #lookThrough(): Promise<readonly WaitingLetters[]> {
    const found: WaitingLetters[] = [];
    for (const topic of LETTERED_TOPICS) {
      const ranges = await waitingLetters(this.admin, topic);
      if (countOf(ranges) > 0) found.push(await this.#lookAt(topic));
    }
    return found.filter(({ count }) => count > 0);
  }

  async #lookAt(topic: string): Promise<WaitingLetters> {
    const back = await this.#returnedOf(topic);
    const letters = new Map<string, ShownLetter>();
    const ranges = await readLetters(this.kafka, topic, {
      newestMax: SHOWN_MAX,
      onBatch(records) {
        for (const record of records) if (!back.has(nameOf(record))) letters.set(nameOf(record), show(topic, record));
      },
    });
    const isWaiting = ({ partition, offset }: LetterPlace) =>
      offset >= (ranges.get(partition)?.from ?? Number.POSITIVE_INFINITY);
    const returned = [...back.values()].filter(isWaiting).length;
    return {
      topic,
      // Counts the ranges that were read, because more dead letters may have arrived since.
      count: countOf(ranges) - returned,
      canReturn: RETURNABLE_TOPICS.includes(topic),
      letters: [...letters.values()].toSorted((left, right) => right.deadLetteredAtMs - left.deadLetteredAtMs),
    };
  }

  async #returnedOf(topic: string): Promise<ReadonlyMap<string, LetterPlace>> {
    const rows = await this.database.query(
      placeRow,
      `SELECT letter_partition AS partition, letter_offset AS offset FROM control.returned_letters WHERE topic = $1`,
      [topic],
    );
    return new Map(rows.map((place) => [nameOf(place), place]));
  }

  async #note(by: Managed, topic: string, letters: readonly DeadLetter[]): Promise<void> {
    const offsets = letters.map(({ offset }) => offset);
    await this.database.transaction(async (transaction) => {
      await transaction.execute(
        `INSERT INTO control.returned_letters (topic, letter_partition, letter_offset, returned_at)
         SELECT $1, *, now() FROM unnest($2::int[], $3::bigint[]) ON CONFLICT DO NOTHING`,
        [topic, letters.map(({ partition }) => partition), offsets],
      );
      const codes = [...new Set(letters.map(({ code }) => code))];
      const details = { letters: letters.length, codes, first: Math.min(...offsets), last: Math.max(...offsets) };
      await noteAudit(transaction, by, "dead-letters-returned", details, { kind: "topic", id: topic });
    });
  }
}

type Ranges = Awaited<ReturnType<typeof waitingLetters>>;

const countOf = (ranges: Ranges): number =>
  [...ranges.values()].reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0);

const nameOf = ({ partition, offset }: LetterPlace): string => `${partition}@${offset}`;

function show(topic: string, record: IncomingRecord): ShownLetter {
  const letter = describeLetter(topic, record);
  return {
    ...letter,
    message: maskTokens(letter.message),
    tenant: record.headers[HEADERS.tenant] ?? "",
    key: maskTokens(record.key),
    bytes: record.value.length,
  };
}
