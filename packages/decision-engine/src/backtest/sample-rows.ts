/**
 * A uniform sample of a stream of unknown length: the rows whose ids have the smallest hashes. The result does not
 * depend on the order of rows, and every row is equally likely to be in the sample.
 */
export class RowSample<Row> {
  readonly #kept: { readonly hash: number; readonly row: Row }[] = [];

  constructor(private readonly size: number) {}

  offer(id: string, row: Row): void {
    const hash = hashOf(id);
    const last = this.#kept.at(-1);
    if (this.#kept.length === this.size && last !== undefined && hash >= last.hash) return;
    const at = this.#kept.findIndex((other) => other.hash > hash);
    this.#kept.splice(at < 0 ? this.#kept.length : at, 0, { hash, row });
    if (this.#kept.length > this.size) this.#kept.pop();
  }

  get rows(): Row[] {
    return this.#kept.map(({ row }) => row);
  }
}

/**
 * 32 bits: FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) with the finaliser of MurmurHash3, which spreads similar
 * ids.
 */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
