import { isAscii, isUtf8 } from "node:buffer";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline, Readable } from "node:stream";
import { pipeline as copyTo } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { TriplineError } from "@tripline/contracts/error-table";

/*
 * Reads the text of a file in an encoding of the WHATWG standard. A wrong encoding would change names without an error,
 * so all bytes of the file are checked against the encoding in the mapping.
 */

export const UTF_8 = "utf-8";
/** The usual encoding of files that are not Unicode. The standard uses this name for ISO-8859-1 as well. */
const FALLBACK = "windows-1252";
const READ_BYTES = 1 << 20;
/** In UTF-16, digits, separators and most letters contain a zero byte. Files in other encodings contain hardly any. */
const ZERO_SHARE_MIN = 0.05;
const ASCII_MAX = 0x7f;
/** U+FFFD replaces bytes that are invalid in the encoding. */
const REPLACEMENT_CODE = 0xfffd;

/** Longer lines, for example those of a file without line breaks, are not read. DuckDB reads lines of up to 2 MB. */
const LINE_BYTES_MAX = 4 << 20;
const [NEWLINE, RETURN] = [0x0a, 0x0d];

/** A byte and its position in a file. The first `line` is 1, and the first `index` within a line is 0. */
interface BytePosition {
  readonly line: number;
  readonly index: number;
  readonly byte: number;
}

/** The standard name of an encoding; undefined if it is unknown. */
export function encodingOf(name: string): string | undefined {
  try {
    return new TextDecoder(name).encoding;
  } catch {
    return undefined;
  }
}

/** The bytes of a file, decompressed if its name ends in `.gz` or `.zst`. */
export function openBytes(file: string): Readable {
  const bytes = createReadStream(file, { highWaterMark: READ_BYTES });
  if (file.endsWith(".gz")) return pipeline(bytes, createGunzip({ chunkSize: READ_BYTES }), () => {});
  if (file.endsWith(".zst")) return pipeline(bytes, createZstdDecompress({ chunkSize: READ_BYTES }), () => {});
  return bytes;
}

/**
 * The text of a file as UTF-8 bytes. If the file has another encoding, the stream fails with TriplineError
 * `invalid-field`, which names line and byte. The caller handles single invalid bytes in a UTF-8 file.
 */
export function openText(file: string, encoding = UTF_8, census = new ByteCensus()): Readable {
  return Readable.from(utf8Chunks(file, encoding, census), { objectMode: false, highWaterMark: READ_BYTES });
}

async function* utf8Chunks(file: string, encoding: string, census: ByteCensus): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  try {
    for await (const chunk of openBytes(file)) {
      census.add(chunk);
      if (!census.mayBe(encoding)) throw notUtf16(file, encoding, census);
      yield encoding === UTF_8 ? chunk : Buffer.from(decoder.decode(chunk, { stream: true }));
    }
    if (encoding !== UTF_8) yield Buffer.from(decoder.decode());
  } catch (error) {
    throw error instanceof TypeError ? await undecodable(file, encoding) : error;
  }
  if (encoding === UTF_8 && census.encoding !== UTF_8) throw await notUtf8(file);
  if (encoding !== UTF_8 && census.isOnlyUtf8) throw await isUtf8Instead(file, encoding);
}

/**
 * The lines of a file without their line breaks, which are `\n`, `\r\n` or `\r`, as in DuckDB. node:readline would also
 * split text at U+2028 and U+2029, so it gets each byte as one latin1 character, which is never one of these.
 *
 * @throws TriplineError `invalid-field` for a line of more than 4 MiB; a line may exceed this by less than one chunk
 */
export async function* linesOf(bytes: Readable, file: string): AsyncGenerator<Buffer> {
  const bounded = Readable.from(boundLines(bytes, file), { objectMode: false, highWaterMark: READ_BYTES });
  const input = bounded.setEncoding("latin1");
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      yield Buffer.from(text, "latin1");
    }
  } finally {
    input.destroy();
  }
}

async function* boundLines(bytes: Readable, file: string): AsyncGenerator<Buffer> {
  let length = 0;
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    const end = Math.max(chunk.lastIndexOf(NEWLINE), chunk.lastIndexOf(RETURN));
    length = end < 0 ? length + chunk.length : chunk.length - 1 - end;
    if (length > LINE_BYTES_MAX) {
      const most = `${LINE_BYTES_MAX >> 20} MiB`;
      throw new TriplineError("invalid-field", `${file} has a line of more than ${most}; check its line breaks.`);
    }
    yield chunk;
  }
}

/** Runs a job on a UTF-8 copy of a file, or on the file itself if it is already UTF-8. */
export async function inUtf8<T>(file: string, encoding: string, job: (path: string) => Promise<T>): Promise<T> {
  if (encoding === UTF_8) return job(file);
  const folder = await mkdtemp(join(tmpdir(), "tripline-csv-"));
  try {
    const copy = join(folder, "payments.csv");
    await copyTo(openText(file, encoding), createWriteStream(copy));
    return await job(copy);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Detects the encoding of a file from all of its bytes. The notes say what the user should check. */
export async function detectEncoding(
  file: string,
): Promise<{ readonly encoding: string; readonly notes: readonly string[] }> {
  const census = new ByteCensus();
  for await (const chunk of openBytes(file)) census.add(chunk);
  const { encoding } = census;
  const first = census.invalid > 0 ? await firstInvalidByte(file) : undefined;
  if (first === undefined) return { encoding, notes: [] };
  const at = `line ${first.line}, byte ${first.index + 1}`;
  if (encoding === UTF_8) return { encoding, notes: [`csv: ${at} is not UTF-8; lines with such bytes are rejected`] };
  const character = new TextDecoder(encoding).decode(Uint8Array.of(first.byte));
  return {
    encoding,
    notes: [`csv: the file is not UTF-8; ${encoding} is a guess that reads ${at} as "${character}"`],
  };
}

const isUtf16 = (encoding: string): boolean => encoding.startsWith("utf-16");

/** Counts the bytes that distinguish encodings from each other. */
export class ByteCensus {
  readonly #decoder = new TextDecoder(UTF_8);
  #utf16: string | undefined;
  /** Characters beyond ASCII that are valid UTF-8. */
  #valid = 0;
  /** Byte sequences that are not UTF-8. */
  invalid = 0;
  /** The start of the file. */
  start: Buffer | undefined;

  add(chunk: Buffer): void {
    if (this.start === undefined) {
      this.start = chunk;
      this.#utf16 = utf16Of(chunk);
    }
    if (this.#utf16 !== undefined || isAscii(chunk)) return;
    const text = this.#decoder.decode(chunk, { stream: true });
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code === REPLACEMENT_CODE) this.invalid += 1;
      else if (code > ASCII_MAX) this.#valid += 1;
    }
  }

  get encoding(): string {
    return this.#utf16 ?? (this.invalid > this.#valid ? FALLBACK : UTF_8);
  }

  /** Whether the file must be UTF-8. Text in another encoding is almost never valid UTF-8 throughout. */
  get isOnlyUtf8(): boolean {
    return this.#utf16 === undefined && this.invalid === 0 && this.#valid > 0;
  }

  /** Whether the encoding is possible: both it and the file are the same variant of UTF-16, or neither is UTF-16. */
  mayBe(encoding: string): boolean {
    return isUtf16(encoding) ? this.#utf16 === encoding : this.#utf16 === undefined;
  }
}

/** The variant of UTF-16, from the byte order mark or from the positions of zero bytes. */
function utf16Of(chunk: Buffer): string | undefined {
  const mark = chunk.toString("hex", 0, 2);
  if (mark === "fffe") return "utf-16le";
  if (mark === "feff") return "utf-16be";
  let [even, odd] = [0, 0];
  for (let index = chunk.indexOf(0); index >= 0; index = chunk.indexOf(0, index + 1)) {
    if (index % 2 === 0) even += 1;
    else odd += 1;
  }
  if (even + odd < chunk.length * ZERO_SHARE_MIN) return undefined;
  return odd > even ? "utf-16le" : "utf-16be";
}

function notUtf16(file: string, encoding: string, { start = Buffer.alloc(0), encoding: found }: ByteCensus) {
  const other = start.findIndex((byte) => byte === 0 || byte > ASCII_MAX);
  // In UTF-16, the first letter of a header has one zero byte: in utf-16be the first, otherwise the second.
  const index = isUtf16(found) ? Math.max(0, other) : Number(encoding === "utf-16le");
  return wrongEncoding(file, encoding, `line 1, byte ${index + 1} is ${hex(start[index])}`, found);
}

/** An error that names the first byte that is not UTF-8. */
export async function notUtf8(file: string): Promise<TriplineError> {
  const first = await firstInvalidByte(file);
  return wrongEncoding(file, UTF_8, first === undefined ? "line 1" : wordsOf(first), FALLBACK);
}

async function isUtf8Instead(file: string, encoding: string): Promise<TriplineError> {
  for await (const { line, bytes } of linesBeyondAscii(file)) {
    const index = bytes.findIndex((byte) => byte > ASCII_MAX);
    return wrongEncoding(file, encoding, `line ${line}, byte ${index + 1} begins a UTF-8 character`, UTF_8);
  }
  return wrongEncoding(file, encoding, "all its bytes are UTF-8", UTF_8);
}

/** An error that names the byte that the decoder rejects. */
async function undecodable(file: string, encoding: string): Promise<TriplineError> {
  // `single` decodes a chunk only after `whole`, so that it can decode the invalid chunk byte by byte.
  const [whole, single] = [new TextDecoder(encoding, { fatal: true }), new TextDecoder(encoding, { fatal: true })];
  let [line, index] = [1, 0];
  let at = "it ends within a character";
  const next = (text: string, bytes: number) => {
    line += text.split("\n").length - 1;
    index += bytes;
  };
  for await (const chunk of openBytes(file) as AsyncIterable<Buffer>) {
    try {
      whole.decode(chunk, { stream: true });
      next(single.decode(chunk, { stream: true }), chunk.length);
    } catch {
      for (const byte of chunk) {
        at = `line ${line}, byte ${index + 1} of the file is ${hex(byte)}`;
        try {
          next(single.decode(Uint8Array.of(byte), { stream: true }), 1);
        } catch {
          return wrongEncoding(file, encoding, at);
        }
      }
    }
  }
  return wrongEncoding(file, encoding, at);
}

/** @param found the file's encoding, if it is known */
function wrongEncoding(file: string, encoding: string, at: string, found = "the file's encoding"): TriplineError {
  const instead = found === FALLBACK ? `the file's encoding, such as ${found}` : found;
  return new TriplineError(
    "invalid-field",
    `${file} is not ${encoding}: ${at}. Set csv.encoding in the mapping to ${instead}.`,
  );
}

/** The first byte in a file that is invalid in UTF-8. */
async function firstInvalidByte(file: string): Promise<BytePosition | undefined> {
  for await (const { line, bytes } of linesBeyondAscii(file)) {
    const found = invalidByteOf(line, bytes);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first byte in a line that is invalid in UTF-8. */
export function invalidByteOf(line: number, bytes: Buffer): BytePosition | undefined {
  if (isUtf8(bytes)) return undefined;
  const index = invalidByte(bytes);
  return { line, index, byte: bytes[index] ?? 0 };
}

export const wordsOf = ({ line, index, byte }: BytePosition): string =>
  `line ${line}, byte ${index + 1} is ${hex(byte)}`;

/** Index of the first byte of the first byte sequence that is invalid in UTF-8. */
function invalidByte(bytes: Buffer): number {
  const decoder = new TextDecoder(UTF_8, { fatal: true });
  let start = 0;
  for (const [index, byte] of bytes.entries()) {
    try {
      if (decoder.decode(Uint8Array.of(byte), { stream: true }) !== "") start = index + 1;
    } catch {
      break;
    }
  }
  return start;
}

async function* linesBeyondAscii(file: string): AsyncGenerator<{ readonly line: number; readonly bytes: Buffer }> {
  let line = 0;
  for await (const bytes of linesOf(openBytes(file), file)) {
    line += 1;
    if (!isAscii(bytes)) yield { line, bytes };
  }
}

const hex = (byte = 0): string => `0x${byte.toString(16).toUpperCase().padStart(2, "0")}`;
