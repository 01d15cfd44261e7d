import { openBytes } from "../seal-bytes.js";
import { splitSealed } from "../sealed-layout.js";
import { transitContext } from "./transit-layout.js";

/** Maximum number of cached keys. There is one per ingestion instance and hour. */
const KEYS_MAX = 1_000;
/** A key is loaded again after this time. If it has expired by then, it is no longer used. */
const CACHE_MS = 3_600_000;

interface LoadedKey {
  readonly bytes: Uint8Array;
  readonly loadedAtMs: number;
}

/** Opens the output of `TransitSealer`. */
export class TransitOpener {
  /** In the order in which the keys were loaded. */
  readonly #keys = new Map<string, LoadedKey>();

  /**
   * @param load a stored key; null if it has expired
   * @param now wall clock in milliseconds since the epoch
   */
  constructor(
    private readonly load: (keyId: string) => Promise<Uint8Array | null>,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * Loads the missing and the old keys for these headers, each with one call. Usually, there are none.
   *
   * @throws errors of `load`
   */
  async prepare(headers: readonly string[]): Promise<void> {
    const due = new Set<string>();
    for (const header of headers) {
      const parts = splitHeader(header);
      if (parts !== undefined && this.#isDue(parts.keyId)) due.add(parts.keyId);
    }
    await Promise.all([...due].map((keyId) => this.#reload(keyId)));
  }

  /**
   * @returns the JSON; undefined if the key was not prepared, the attributes belong to another payment, or the bytes
   *   were changed
   */
  open(header: string, transactionId: string): string | undefined {
    const parts = splitHeader(header);
    // The key's age does not matter here, because `prepare` checked it, and scoring may have taken some time since
    // then.
    const key = parts && this.#keys.get(parts.keyId)?.bytes;
    if (parts === undefined || key === undefined) return undefined;
    return openBytes(parts.sealed, key, transitContext(transactionId))?.toString("utf8");
  }

  #isDue(keyId: string): boolean {
    const known = this.#keys.get(keyId);
    return known === undefined || known.loadedAtMs <= this.now() - CACHE_MS;
  }

  /** Replaces an old key only once the answer has arrived, because another batch may be about to use the old key. */
  async #reload(keyId: string): Promise<void> {
    let bytes: Uint8Array | null = null;
    try {
      bytes = await this.load(keyId);
    } finally {
      this.#keys.delete(keyId);
      if (bytes !== null) this.#keep(keyId, bytes);
    }
  }

  #keep(keyId: string, bytes: Uint8Array): void {
    const [oldest] = this.#keys.keys();
    if (this.#keys.size >= KEYS_MAX && oldest !== undefined) this.#keys.delete(oldest);
    this.#keys.set(keyId, { bytes, loadedAtMs: this.now() });
  }
}

function splitHeader(header: string): { keyId: string; sealed: Uint8Array } | undefined {
  const parts = splitSealed(Buffer.from(header, "base64url"));
  return parts && { keyId: parts.keyId.toString("hex"), sealed: parts.sealed };
}
