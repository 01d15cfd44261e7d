import { createHmac, randomBytes } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import { matchesHash } from "./hash-secret.js";

/** Maximum number of cached correct secrets, about 100 bytes each. */
const REMEMBERED_MAX = 1_000;
const REMEMBERED_MS = 600_000;
/** Maximum number of running and waiting computations. The thread pool runs four at a time, with 16 MiB each. */
const COMPUTATIONS_MAX = 32;

/**
 * Checks secrets against their hashes. A correct secret is cached, so that a client that fetches a token every few
 * minutes requires a single scrypt computation instead of one per token. The cache stores an HMAC under a key of this
 * process, which reveals neither the secret nor, through timing, a part of it.
 */
export class SecretVerifier {
  private readonly key = randomBytes(32);
  /** Expiry of each cached correct secret. */
  private readonly rememberedUntilMs = new Map<string, number>();
  /** Concurrent token requests from a client share one computation. */
  private readonly running = new Map<string, Promise<boolean>>();

  constructor(
    private readonly matches: (secret: string, stored: string) => Promise<boolean> = matchesHash,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * @param stored the current hash in the database, so that a changed secret is never found in the cache
   * @param onCompute called before a hash is computed, but not if a cached or running computation can be used; an error
   * stops the check
   * @throws TriplineError `queue-full` if too many secrets are being checked
   */
  async verify(secret: string, stored: string, onCompute: () => void = () => {}): Promise<boolean> {
    const id = createHmac("sha256", this.key).update(`${stored}\0${secret}`).digest("base64");
    const untilMs = this.rememberedUntilMs.get(id);
    if (untilMs !== undefined && untilMs > this.now()) return true;
    const running = this.running.get(id);
    if (running !== undefined) return running;
    if (this.running.size >= COMPUTATIONS_MAX) {
      throw new TriplineError("queue-full", "Too many client secrets are being checked. Try again later.");
    }
    onCompute();
    const result = this.matches(secret, stored);
    this.running.set(id, result);
    try {
      const right = await result;
      if (right) this.remember(id);
      return right;
    } finally {
      this.running.delete(id);
    }
  }

  private remember(id: string): void {
    this.rememberedUntilMs.delete(id);
    const oldest = this.rememberedUntilMs.keys().next().value;
    if (this.rememberedUntilMs.size >= REMEMBERED_MAX && oldest !== undefined) this.rememberedUntilMs.delete(oldest);
    this.rememberedUntilMs.set(id, this.now() + REMEMBERED_MS);
  }
}
