import type { KeyObject } from "node:crypto";
import { createSecretKey, randomBytes } from "node:crypto";
import { asTriplineError } from "@tripline/contracts/error-table";
import { sealBytes } from "../seal-bytes.js";
import { headOf, KEY_ID_BYTES } from "../sealed-layout.js";
import { KEY_SECONDS_MAX, transitContext } from "./transit-layout.js";

const KEY_BYTES = 32;
/** A new key is created after this time. */
const KEY_MS = 3_600_000;
/** How long a key is used if no new key can be stored. The decision service can then read it for another half day. */
const KEY_MS_MAX = 43_200_000;
/** Interval at which the key is stored again, in case the store lost it. */
const STORE_MS = 60_000;

export interface TransitSealerOptions {
  /** Stores a key for the decision service. The key must expire after `seconds`. */
  store(keyId: string, key: Buffer, seconds: number): Promise<unknown>;
  readonly logger: { error(fields: object, message: string): void };
  /** Wall clock in milliseconds since the epoch. */
  readonly now?: () => number;
}

interface TransitKey {
  readonly keyId: string;
  readonly bytes: Buffer;
  readonly secret: KeyObject;
  readonly head: string;
  readonly madeAtMs: number;
}

/**
 * Seals attributes for decisions with a key of this process that expires within about a day
 * (docs/adr/0058-attributes-travel-in-a-header.md). Keys are stored in the background, so payments never wait for this.
 */
export class TransitSealer {
  readonly #now: () => number;
  #key: TransitKey | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isFailing = false;
  #isClosed = false;

  constructor(private readonly options: TransitSealerOptions) {
    this.#now = options.now ?? Date.now;
  }

  /**
   * Resolves once a key has been stored or storing it has failed. While this object is open, the key is stored again
   * periodically.
   */
  async start(): Promise<void> {
    const { store, logger } = this.options;
    const known = this.#key;
    const isNew = known === undefined || known.madeAtMs <= this.#now() - KEY_MS;
    const key = isNew ? makeKey(this.#now()) : known;
    const ageSeconds = Math.round((this.#now() - key.madeAtMs) / 1_000);
    try {
      await store(key.keyId, key.bytes, KEY_SECONDS_MAX - ageSeconds);
      this.#key = key;
      this.#isFailing = false;
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      if (!this.#isFailing) logger.error({ code }, `the key for attributes could not be stored: ${message}`);
      this.#isFailing = true;
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.start(), STORE_MS).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** @returns the header's value; undefined if there is no key */
  seal(attributes: string, transactionId: string): string | undefined {
    const key = this.#key;
    if (key === undefined || key.madeAtMs <= this.#now() - KEY_MS_MAX) return undefined;
    const plain = Buffer.from(attributes);
    return sealBytes(plain, key.secret, transitContext(transactionId), key.head).toString("base64url");
  }
}

function makeKey(madeAtMs: number): TransitKey {
  const [bytes, keyId] = [randomBytes(KEY_BYTES), randomBytes(KEY_ID_BYTES)];
  return { keyId: keyId.toString("hex"), bytes, secret: createSecretKey(bytes), head: headOf(keyId), madeAtMs };
}
