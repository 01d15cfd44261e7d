/**
 * Reads the primitive types of Kafka's protocol (https://kafka.apache.org/protocol#protocol_types) from one buffer. A text
 * that stands in the same place of record after record is made once.
 */
export class RecordReader {
  at = 0;
  /** For each header's name and value: the text that stood there last, and where. */
  readonly #texts: (KnownText | undefined)[] = [];

  #textsLeft: number;

  /** @param textsMax how many texts are read: each takes more memory than it has bytes */
  constructor(
    readonly bytes: Buffer,
    textsMax = Number.POSITIVE_INFINITY,
  ) {
    this.#textsLeft = textsMax;
  }

  int8(): number {
    this.at += 1;
    return this.bytes.readInt8(this.at - 1);
  }

  int16(): number {
    this.at += 2;
    return this.bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.bytes.readInt32BE(this.at - 4);
  }

  /** INT64 as a number; exact up to 2 to the power of 53, which no offset and no time comes near. */
  int64(): number {
    const high = this.int32();
    this.at += 4;
    return high * 2 ** 32 + this.bytes.readUInt32BE(this.at - 4);
  }

  /** All 64 bits, in decimal digits. */
  digits64(): string {
    this.at += 8;
    return this.bytes.readBigInt64BE(this.at - 8).toString();
  }

  /** STRING => INT16 length, then UTF-8. */
  string16(): string {
    const length = this.int16();
    this.at += length;
    return this.bytes.toString("utf8", this.at - length, this.at);
  }

  /*
    VARINT, VARLONG => zigzag of a signed number in groups of 7 bits, the lowest first; bit 7 says that another byte
    follows. The same as protobuf's sint64: 00 → 0, 01 → -1, 02 → 1, 80 01 → 64.

    Source: https://kafka.apache.org/protocol#protocol_types
  */
  /** Exact up to 2 to the power of 52. */
  varint(): number {
    let byte = this.#next();
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    for (let factor = 128; byte >= 0x80; factor *= 128) {
      byte = this.#next();
      value += (byte & 0x7f) * factor;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** The text of so many bytes from here. @param place which of a record's texts it is */
  text(length: number, place: number): string {
    // It would be read for ever: back from here, and forth again.
    if (length < 0) throw new RangeError("a text of a fetched record has a negative length");
    this.#textsLeft -= 1;
    if (this.#textsLeft < 0) throw new RangeError("fetched records have more keys and headers than the limit");
    const from = this.at;
    this.at += length;
    const known = this.#texts[place];
    if (known !== undefined && this.#isSame(known, from, length)) return known.text;
    const text = this.bytes.toString("utf8", from, this.at);
    this.#texts[place] = { text, from, length };
    return text;
  }

  #isSame(known: KnownText, from: number, length: number): boolean {
    if (known.length !== length) return false;
    const { bytes } = this;
    // From the end, where texts of one kind differ first.
    for (let index = length - 1; index >= 0; index -= 1) {
      if (bytes[known.from + index] !== bytes[from + index]) return false;
    }
    return true;
  }

  #next(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new RangeError("a number of a fetched record goes past the end of the response");
    return byte;
  }
}

interface KnownText {
  readonly text: string;
  readonly from: number;
  readonly length: number;
}
