/** Writes little-endian values into a growing buffer. */
export class ByteWriter {
  private buffer: Uint8Array;
  private view: DataView;
  private at = 0;

  constructor(initialBytes = 4096) {
    this.buffer = new Uint8Array(initialBytes);
    this.view = new DataView(this.buffer.buffer);
  }

  /** Restarts in the same buffer, so earlier results of `since` are overwritten. */
  reset(): void {
    this.at = 0;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.at;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.buffer[this.at] = value;
    this.at += 1;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  /** An integer from 0 to 2^53 - 1. */
  u64(value: number): void {
    this.u32(value % 0x1_0000_0000);
    this.u32(Math.floor(value / 0x1_0000_0000));
  }

  f64(value: number): void {
    this.#reserve(8);
    this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  /** Unsigned LEB128 of an integer from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(VARINT_BYTES_MAX);
    const { buffer } = this;
    let { at } = this;
    let rest = value;
    // Bitwise operators are limited to 32 bits. For larger values, division first removes the low groups of seven bits.
    while (rest > 0x7fff_ffff) {
      buffer[at] = (rest % 128) | 0x80;
      at += 1;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      buffer[at] = (rest & 127) | 0x80;
      at += 1;
      rest >>>= 7;
    }
    buffer[at] = rest;
    this.at = at + 1;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.buffer.set(value, this.at);
    this.at += value.length;
  }

  /** A copy of what was written since `reset`. */
  copy(): Uint8Array {
    return this.buffer.slice(0, this.at);
  }

  /** A view of the bytes written since a given `length`. Further writes keep the view intact; `reset` does not. */
  since(length: number): Uint8Array {
    return this.buffer.subarray(length, this.at);
  }

  #reserve(count: number): void {
    if (this.at + count > this.buffer.length) this.#grow(count);
  }

  #grow(count: number): void {
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.at + count));
    grown.set(this.buffer);
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }
}

/** Eight groups of seven bits can represent 2^53 - 1. */
const VARINT_BYTES_MAX = 8;
