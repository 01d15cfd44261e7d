import { TriplineError } from "@tripline/contracts/error-table";

/**
 * Reads little-endian values in the order in which `ByteWriter` wrote them.
 *
 * Every method throws TriplineError `state-unreadable` when the bytes end first or a number is beyond 2^53 - 1.
 */
export class ByteReader {
  private readonly view: DataView;
  private at = 0;

  constructor(private readonly buffer: Uint8Array) {
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  atEnd(): boolean {
    return this.at === this.buffer.length;
  }

  u8(): number {
    const at = this.take(1);
    return this.view.getUint8(at);
  }

  u32(): number {
    const at = this.take(4);
    return this.view.getUint32(at, true);
  }

  u64(): number {
    const low = this.u32();
    return safe(this.u32() * 0x1_0000_0000 + low);
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    // Eight groups of seven bits hold 2^53 - 1.
    for (let group = 0; group < 8; group += 1) {
      const byte = this.u8();
      value += (byte & 127) * factor;
      if (byte < 128) return safe(value);
      factor *= 128;
    }
    throw new TriplineError("state-unreadable", "A number in a stored value is too long.");
  }

  /** The next `count` bytes, in memory shared with what is read. */
  bytes(count: number): Uint8Array {
    const at = this.take(count);
    return this.buffer.subarray(at, at + count);
  }

  /** Steps over `count` bytes and says where they begin. */
  private take(count: number): number {
    const at = this.at;
    if (count > this.buffer.length - at) throw new TriplineError("state-unreadable", "A stored value is cut short.");
    this.at += count;
    return at;
  }
}

function safe(value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new TriplineError("state-unreadable", "A number in a stored value is too large.");
}
