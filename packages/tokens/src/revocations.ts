/** Clients and users with revoked tokens, by the keys of the compacted topic `auth-events`. */
export class Revocations {
  /** Tokens issued at or before this time are rejected. */
  readonly #notBeforeMs = new Map<string, number>();

  /** @param notBeforeMs ms since the epoch; `Infinity` rejects all tokens; undefined accepts all */
  set(key: string, notBeforeMs: number | undefined): void {
    if (notBeforeMs === undefined) this.#notBeforeMs.delete(key);
    else this.#notBeforeMs.set(key, notBeforeMs);
  }

  /**
   * The issue times of tokens are in whole seconds. A token issued in the same second as a change counts as older, so a
   * new token may be rejected, but an old token is never accepted.
   *
   * @param keys of the token's client and subject
   */
  isRevoked(keys: readonly string[], issuedAtMs: number): boolean {
    if (this.#notBeforeMs.size === 0) return false;
    return keys.some((key) => issuedAtMs <= (this.#notBeforeMs.get(key) ?? Number.NEGATIVE_INFINITY));
  }
}
