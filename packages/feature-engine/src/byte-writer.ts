/** Writes little-endian values into a buffer that grows, and is used again after `reset`. */
export class ByteWriter {
  private buffer: Uint8Array;
  private view: DataView;
  private at = 0;

  constructor(initialBytes = 4096) {
    this.buffer = new Uint8Array(initialBytes);
    this.view = new DataView(this.buffer.buffer);
  }

  reset(): void {
    this.at = 0;
  }

  u8(value: number): void {
    this.reserve(1);
    this.buffer[this.at] = value;
    this.at += 1;
  }

  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  /** An integer from 0 to 2^53 - 1. */
  u64(value: number): void {
    this.u32(value % 0x1_0000_0000);
    this.u32(Math.floor(value / 0x1_0000_0000));
  }

  /** Unsigned LEB128 of an integer from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    // Bitwise operators work on 32 bits only, so larger values lose their low sevens by division first.
    while (rest > 0x7fff_ffff) {
      this.buffer[this.at] = (rest % 128) | 0x80;
      this.at += 1;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      this.buffer[this.at] = (rest & 127) | 0x80;
      this.at += 1;
      rest >>>= 7;
    }
    this.buffer[this.at] = rest;
    this.at += 1;
  }

  bytes(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.at);
    this.at += value.length;
  }

  /** What was written since `reset`, as bytes of their own. */
  copy(): Uint8Array {
    return this.buffer.slice(0, this.at);
  }

  private reserve(count: number): void {
    if (this.at + count <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.at + count));
    grown.set(this.buffer);
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }
}
