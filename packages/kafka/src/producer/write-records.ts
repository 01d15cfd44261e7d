import type { IHeaders, Message } from "kafkajs";

const ASCII_MAX = 0x7f;
/** Text up to this length is written digit by digit, which is quicker than a call into Node for each. */
const SHORT_TEXT_MAX = 63;
const VARINT_BYTES_MAX = 5;
const UTF8_BYTES_PER_UNIT_MAX = 3;
/** Length, attributes, time, offset, length of key and value, count of headers. */
const RECORD_OVERHEAD_BYTES_MAX = 1 + 6 * VARINT_BYTES_MAX;
/** A record's own length takes this many bytes where it is between 64 and 8,191. */
const LENGTH_BYTES_USUAL = 2;

type Content = string | Buffer | null | undefined;

/** An upper bound of the bytes that a record takes. */
export function recordBytesMax({ key, value, headers = {} }: Message): number {
  let room = RECORD_OVERHEAD_BYTES_MAX + contentBytesMax(key) + contentBytesMax(value);
  for (const name in headers) {
    const content = headers[name];
    for (const single of Array.isArray(content) ? content : [content]) {
      room += 2 * VARINT_BYTES_MAX + name.length * UTF8_BYTES_PER_UNIT_MAX + contentBytesMax(single);
    }
  }
  return room;
}

function contentBytesMax(content: Content): number {
  if (typeof content === "string") return content.length * UTF8_BYTES_PER_UNIT_MAX;
  return content?.length ?? 0;
}

/** Writes the primitive types of Kafka's protocol into one buffer of sufficient size (https://kafka.apache.org/protocol#protocol_types). */
export class RecordWriter {
  at = 0;

  constructor(readonly bytes: Buffer) {}

  int8(value: number): void {
    this.at = this.bytes.writeInt8(value, this.at);
  }

  int16(value: number): void {
    this.at = this.bytes.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.at = this.bytes.writeInt32BE(value, this.at);
  }

  int64(value: bigint): void {
    this.at = this.bytes.writeBigInt64BE(value, this.at);
  }

  /** STRING => INT16 length, then UTF-8. */
  string16(text: string): void {
    const length = this.bytes.write(text, this.at + 2);
    this.bytes.writeInt16BE(length, this.at);
    this.at += 2 + length;
  }

  /*
    VARINT => zigzag of a signed 32-bit number in groups of 7 bits, the lowest first; bit 7 says that another byte follows.
    The same as protobuf's sint32: 0 → 00, -1 → 01, 1 → 02, 64 → 80 01.

    Source: https://kafka.apache.org/protocol#protocol_types
  */
  varint(value: number): void {
    let rest = (value << 1) ^ (value >> 31);
    while ((rest & ~ASCII_MAX) !== 0) {
      this.bytes[this.at++] = (rest & ASCII_MAX) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
  }

  /*
    Record =>
      length => VARINT, bytes after this field
      attributes => INT8, 0: no bit is in use
      timestampDelta => VARLONG, 0: the time of its batch
      offsetDelta => VARINT, place in the batch
      keyLength => VARINT, -1 for null
      key => BYTES
      valueLength => VARINT, -1 for null
      value => BYTES
      headersCount => VARINT
      headers => [Header]

    Source: https://kafka.apache.org/documentation/#record; KIP-82 (headers), KIP-98
  */
  record({ key, value, headers }: Message, offsetDelta: number): void {
    const start = this.at;
    const from = start + LENGTH_BYTES_USUAL;
    this.at = from;
    this.bytes[this.at++] = 0;
    this.bytes[this.at++] = 0;
    this.varint(offsetDelta);
    this.#content(key);
    this.#content(value);
    this.#headers(headers);
    const length = this.at - from;
    const bodyAt = start + varintBytes(length);
    // Before the length is written, which may reach into the body.
    if (bodyAt !== from) this.bytes.copyWithin(bodyAt, from, from + length);
    this.at = start;
    this.varint(length);
    this.at += length;
  }

  /*
    Header =>
      headerKeyLength => VARINT
      headerKey => UTF-8
      headerValueLength => VARINT, -1 for null
      headerValue => BYTES

    A name with several values is a header for each. Source: https://kafka.apache.org/documentation/#recordheader; KIP-82
  */
  #headers(headers: IHeaders | undefined): void {
    if (headers === undefined) {
      this.varint(0);
      return;
    }
    let count = 0;
    for (const name in headers) {
      const content = headers[name];
      count += Array.isArray(content) ? content.length : 1;
    }
    this.varint(count);
    for (const name in headers) {
      const content = headers[name];
      for (const single of Array.isArray(content) ? content : [content]) {
        this.#content(name);
        this.#content(single);
      }
    }
  }

  /** Its length, -1 for none, and its bytes. */
  #content(content: Content): void {
    if (typeof content === "string") {
      this.#text(content);
    } else if (content === null || content === undefined) {
      this.varint(-1);
    } else {
      this.varint(content.length);
      this.bytes.set(content, this.at);
      this.at += content.length;
    }
  }

  #text(text: string): void {
    if (text.length <= SHORT_TEXT_MAX && this.#ascii(text)) return;
    this.varint(Buffer.byteLength(text));
    this.at += this.bytes.write(text, this.at);
  }

  /** @returns false, and nothing is written, where a character takes more than a byte */
  #ascii(text: string): boolean {
    let at = this.at;
    this.bytes[at++] = text.length << 1;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code > ASCII_MAX) return false;
      this.bytes[at++] = code;
    }
    this.at = at;
    return true;
  }
}

/** Of a number that is not negative. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value << 1; rest > ASCII_MAX; rest >>>= 7) bytes += 1;
  return bytes;
}
