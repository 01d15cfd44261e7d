import type { KeyObject } from "node:crypto";
import { createSecretKey, randomBytes } from "node:crypto";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { SubjectKey } from "@tripline/contracts/generated/tripline/events/v1/events";
import { PersonalFields } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { MasterKey } from "./master-keys/wrapping.js";
import { nextRandom, sealBytes } from "./seal-bytes.js";
import type { PersonalSubject } from "./sealed-layout.js";
import { fieldsContext, headOf, KEY_ID_BYTES, keyContext, tokensOf, writeSubject } from "./sealed-layout.js";

const KEY_BYTES = 32;
/**
 * About 75 MB: 0.8 kB for a key and 0.5 kB for its name. An evicted subject gets a new key with its next payment, which
 * costs as much as sealing.
 */
const SUBJECTS_MAX_DEFAULT = 60_000;
/** How long a key is used. Data that was sealed with the key remains readable until the key is destroyed. */
const KEY_MS_MAX = 86_400_000;
/** Delay after a failure before the master key is requested again. */
const RETRY_MS = 10_000;

export interface PersonalSealerOptions {
  readonly masterKey: MasterKey;
  readonly logger: { error(fields: object, message: string): void };
  readonly subjectsMax?: number;
  /** Wall clock in milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Why personal fields were omitted: the master key is unavailable, or the person was erased. */
export type Unsealed = "no-key" | "erased";

export interface Sealed {
  readonly bytes: Buffer;
  /** The new key, which must be stored with the sealed data; undefined once `stored` has been called. */
  readonly newKey: NewKey | undefined;
}

export interface NewKey {
  readonly key: SubjectKey;
  stored(): void;
}

interface DataKey {
  /** Kept as a KeyObject, because creating one for each payment would take a quarter of the CPU time for sealing. */
  readonly secret: KeyObject;
  /** From `headOf`. */
  readonly head: string;
  readonly madeAtMs: number;
  /** Whether it was used since the last eviction scan. */
  wasUsed: boolean;
  /** Set until the key is stored. */
  newKey: NewKey | undefined;
}

interface Envelope {
  readonly secret: KeyObject;
  readonly wrapped: Buffer;
  /** The key that wrapped it, because the service may now use another key. */
  readonly masterKey: string;
  readonly madeAtMs: number;
}

/**
 * Seals personal fields with a data key of their subject (docs/adr/0035-sealed-personal-data.md). Data keys are created
 * here and wrapped by this process's envelope key for the day. The master key wraps only the envelope key, so payments
 * require no call to the key service.
 */
export class PersonalSealer {
  /** By the name of the subject, in eviction order. */
  readonly #keys = new Map<string, DataKey>();
  readonly #erased = new Set<string>();
  readonly #subjectsMax: number;
  readonly #now: () => number;
  #envelope: Envelope | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isFailing = false;
  #starts = 0;

  constructor(private readonly options: PersonalSealerOptions) {
    this.#subjectsMax = options.subjectsMax ?? SUBJECTS_MAX_DEFAULT;
    this.#now = options.now ?? Date.now;
  }

  /** Resolves once the call to the master key succeeds or fails; after a failure, it is retried later. */
  async start(): Promise<void> {
    clearTimeout(this.#timer);
    this.#starts += 1;
    const start = this.#starts;
    const { masterKey, logger } = this.options;
    const { name } = masterKey;
    const secret = randomBytes(KEY_BYTES);
    const answer = await masterKey.wrap(secret).then(
      (wrapped) => ({ wrapped }),
      (thrown: unknown) => asTriplineError(thrown),
    );
    // A later start, possibly with another master key, or a close has superseded this start.
    if (start !== this.#starts) return;
    if ("wrapped" in answer) {
      const wrapped = Buffer.from(answer.wrapped);
      this.#envelope = { secret: createSecretKey(secret), wrapped, masterKey: name, madeAtMs: this.#now() };
    } else if (!this.#isFailing) {
      logger.error({ code: answer.code }, `no new key for personal data: ${answer.message}`);
    }
    this.#isFailing = !("wrapped" in answer);
    this.#timer = setTimeout(() => void this.start(), this.#isFailing ? RETRY_MS : KEY_MS_MAX / 2).unref();
  }

  close(): void {
    this.#starts += 1;
    clearTimeout(this.#timer);
  }

  /** Stops sealing data for a person. @param subject a token of the person */
  erase(tenant: string, subject: string): void {
    this.#erased.add(`${tenant}/${subject}`);
    for (const name of this.#keys.keys()) {
      const [ofTenant, ...tokens] = name.split("\0");
      if (ofTenant === tenant && tokens.includes(subject)) this.#keys.delete(name);
    }
  }

  seal(fields: PersonalFields, subject: PersonalSubject, transactionId: string): Sealed | Unsealed {
    const { tenant } = subject;
    if (this.#erased.size > 0 && tokensOf(subject).some((token) => this.#erased.has(`${tenant}/${token}`)))
      return "erased";
    const name = writeSubject(subject);
    const dataKey = this.#keyOf(name, subject);
    if (dataKey === undefined) return "no-key";
    const { secret, head, newKey } = dataKey;
    const plain = encodeMessage(PersonalFields, fields);
    return { bytes: sealBytes(plain, secret, fieldsContext(name, transactionId), head), newKey };
  }

  #keyOf(name: string, subject: PersonalSubject): DataKey | undefined {
    const nowMs = this.#now();
    const known = this.#keys.get(name);
    if (known !== undefined && known.madeAtMs > nowMs - KEY_MS_MAX) {
      known.wasUsed = true;
      return known;
    }
    this.#keys.delete(name);
    const envelope = this.#envelope;
    if (envelope === undefined || envelope.madeAtMs <= nowMs - KEY_MS_MAX) return undefined;
    if (this.#keys.size >= this.#subjectsMax) this.#forgetOne();
    const bytes = Buffer.from(nextRandom(KEY_BYTES));
    const keyId = Buffer.from(nextRandom(KEY_ID_BYTES));
    const key: SubjectKey = {
      ...subject,
      otherTokens: [...(subject.otherTokens ?? [])],
      keyId,
      wrapped: sealBytes(bytes, envelope.secret, keyContext(name)),
      wrappedEnvelope: envelope.wrapped,
      masterKey: envelope.masterKey,
      createdAtMs: nowMs,
    };
    const stored = (): void => {
      made.newKey = undefined;
    };
    const [secret, head] = [createSecretKey(bytes), headOf(keyId)];
    bytes.fill(0);
    const made: DataKey = { secret, head, madeAtMs: nowMs, wasUsed: false, newKey: { key, stored } };
    this.#keys.set(name, made);
    return made;
  }

  /** Second-chance eviction (CLOCK): close to least recently used, with almost no cost per use. */
  #forgetOne(): void {
    for (const [name, key] of this.#keys) {
      this.#keys.delete(name);
      if (!key.wasUsed) return;
      key.wasUsed = false;
      this.#keys.set(name, key);
    }
  }
}
