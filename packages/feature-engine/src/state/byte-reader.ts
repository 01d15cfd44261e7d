import { TriplineError } from "@tripline/contracts/error-table";

/**
 * Reads little-endian values in the order in which `ByteWriter` wrote them.
 *
 * Every method throws TriplineError `state-unreadable` if the bytes end too early or a number exceeds 2^53 - 1.
 */
export class ByteReader {
  private at = 0;

  constructor(private buffer: Uint8Array) {}

  /** Starts to read another buffer. */
  reset(buffer: Uint8Array): void {
    this.buffer = buffer;
    this.at = 0;
  }

  atEnd(): boolean {
    return this.at === this.buffer.length;
  }

  u8(): number {
    const byte = this.buffer[this.at];
    if (byte === undefined) throw cutShort();
    this.at += 1;
    return byte;
  }

  u32(): number {
    const at = this.#step(4);
    const { buffer } = this;
    const low = (buffer[at] ?? 0) | ((buffer[at + 1] ?? 0) << 8);
    const high = (buffer[at + 2] ?? 0) | ((buffer[at + 3] ?? 0) << 8);
    return (low | (high << 16)) >>> 0;
  }

  u64(): number {
    const low = this.u32();
    return safe(this.u32() * 0x1_0000_0000 + low);
  }

  varint(): number {
    const byte = this.u8();
    return byte < 128 ? byte : this.#longVarint(byte & 127);
  }

  /** Reads a number with more than one group of seven bits, the lowest of which was already read. */
  #longVarint(lowest: number): number {
    const { buffer } = this;
    let { at } = this;
    let value = lowest;
    // Bitwise operators are fastest, but limited to 32 bits.
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = buffer[at];
      if (byte === undefined) throw cutShort();
      at += 1;
      value |= (byte & 127) << shift;
      if (byte >= 128) continue;
      this.at = at;
      return value;
    }
    // Eight groups can represent 2^53 - 1.
    for (let factor = 2 ** 28; factor < 2 ** 56; factor *= 128) {
      const byte = buffer[at];
      if (byte === undefined) throw cutShort();
      at += 1;
      value += (byte & 127) * factor;
      if (byte >= 128) continue;
      this.at = at;
      return safe(value);
    }
    throw new TriplineError("state-unreadable", "A number in a stored value is too long.");
  }

  /** The next `count` bytes, as a view of the same memory. */
  bytes(count: number): Uint8Array {
    const at = this.#step(count);
    return this.buffer.subarray(at, at + count);
  }

  /** Skips `count` bytes and returns their start. */
  #step(count: number): number {
    const { at } = this;
    if (count > this.buffer.length - at) throw cutShort();
    this.at = at + count;
    return at;
  }
}

function cutShort(): TriplineError {
  return new TriplineError("state-unreadable", "A stored value is truncated.");
}

function safe(value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new TriplineError("state-unreadable", "A number in a stored value is too large.");
}
