import { HUFFMAN_BITS } from "./hpack-tables.js";
import { ERRORS, Http2Error } from "./http2-error.js";

const BITS_MAX = 30;
/** What the last byte is filled up with; longer ones are an error (RFC 7541, section 5.2). */
const PADDING_BITS_MAX = 7;

/** Bytes in the order of their codes. */
const BYTES: number[] = [];
/** For each length in bits: the first code, how many there are, and where their bytes begin in BYTES. */
const FIRST_CODE: number[] = [];
const CODES: number[] = [];
const FIRST_BYTE: number[] = [];

let code = 0;
for (let bits = 0; bits <= BITS_MAX; bits += 1) {
  FIRST_CODE.push(code);
  FIRST_BYTE.push(BYTES.length);
  for (const [byte, own] of HUFFMAN_BITS.entries()) if (own === bits) BYTES.push(byte);
  const count = BYTES.length - (FIRST_BYTE[bits] ?? 0);
  CODES.push(count);
  code = (code + count) * 2;
}

/** @throws Http2Error for bytes that are no code */
export function decodeHuffman(bytes: Uint8Array): string {
  const decoded: number[] = [];
  let value = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      value = value * 2 + ((byte >> bit) & 1);
      length += 1;
      if (length > BITS_MAX) throw broken();
      const place = value - (FIRST_CODE[length] as number);
      if (place >= (CODES[length] as number)) continue;
      decoded.push(BYTES[(FIRST_BYTE[length] as number) + place] as number);
      value = 0;
      length = 0;
    }
  }
  // The rest has to be the beginning of the code for the end, which is of ones.
  if (length > PADDING_BITS_MAX || value !== 2 ** length - 1) throw broken();
  return Buffer.from(decoded).toString("latin1");
}

function broken(): Http2Error {
  return new Http2Error(ERRORS.compression, "a header block cannot be read: its Huffman code is wrong");
}
