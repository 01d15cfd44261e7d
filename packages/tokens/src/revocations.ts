/** Clients and people whose tokens were taken back, by the keys of the table `auth-events`. */
export class Revocations {
  /** A token that was issued up to here is not accepted. */
  readonly #notBeforeMs = new Map<string, number>();

  /** @param notBeforeMs ms since the epoch; `Infinity` while no token is accepted; undefined where all are */
  set(key: string, notBeforeMs: number | undefined): void {
    if (notBeforeMs === undefined) this.#notBeforeMs.delete(key);
    else this.#notBeforeMs.set(key, notBeforeMs);
  }

  /**
   * Tokens say in whole seconds when they were issued. One of the second of a change counts as issued before it: it may be
   * refused although it is new, and is never accepted although it is old.
   *
   * @param keys of the token's client and subject
   */
  isRevoked(keys: readonly string[], issuedAtMs: number): boolean {
    if (this.#notBeforeMs.size === 0) return false;
    return keys.some((key) => issuedAtMs <= (this.#notBeforeMs.get(key) ?? Number.NEGATIVE_INFINITY));
  }
}
