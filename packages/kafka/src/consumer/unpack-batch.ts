import { promisify } from "node:util";
import type { InputType, ZlibOptions, ZstdOptions } from "node:zlib";
import { constants, gunzip, zstdDecompress } from "node:zlib";
import { TriplineError } from "@tripline/contracts/error-table";

/** Memory limit for the decompressed records of one batch, and of one partition in one fetch. */
export const UNPACKED_BYTES_MAX = 16 * 1024 ** 2;
/** Memory per record in addition to its bytes, because a batch of many empty records also needs memory. */
const RECORD_OVERHEAD_BYTES = 256;
/** Maximum number of keys and headers read per batch; 16,000 payments have 180,000. */
export const UNPACKED_TEXTS_MAX = 500_000;
/** Maximum window, which zstd allocates before it decompresses: 16 MiB, which is more than level 19 requires. */
const ZSTD_WINDOW_LOG_MAX = 24;
const CHUNK_BYTES = 64 * 1024;
/** Node's error codes for output beyond the limit, and for a larger zstd window. */
const TOO_LARGE: ReadonlySet<unknown> = new Set(["ERR_BUFFER_TOO_LARGE", "ZSTD_error_frameParameter_windowTooLarge"]);

/** Numbers of the codecs in a batch's attributes (https://kafka.apache.org/documentation/#recordbatch). */
export const GZIP = 1;
const ZSTD = 4;
const NAMES: Readonly<Record<number, string>> = { [GZIP]: "gzip", 2: "snappy", 3: "lz4", [ZSTD]: "zstd" };

const unzip: (bytes: InputType, options: ZlibOptions) => Promise<Buffer> = promisify(gunzip);
const unzstd: (bytes: InputType, options: ZstdOptions) => Promise<Buffer> = promisify(zstdDecompress);

export interface PackedRecords {
  readonly codec: number;
  readonly bytes: Buffer;
  /** The number of records according to the batch header. */
  readonly count: number;
}

/*
  records of a compressed batch => one compressed stream of all Records, without their count
    1 gzip => RFC 1952
    2 snappy, 3 lz4 => not read here
    4 zstd => RFC 8878

  Source: https://kafka.apache.org/documentation/#recordbatch (attributes, bits 0-2); KIP-110 (zstd)
*/
/**
 * @param bytesMax memory limit for the records
 * @throws TriplineError `body-too-large` as soon as the records exceed it, without decompressing the remaining data;
 *   `message-unreadable` for an unsupported codec or corrupt bytes
 */
export async function unpackRecords({ codec, bytes, count }: PackedRecords, bytesMax: number): Promise<Buffer> {
  const name = NAMES[codec] ?? `codec ${codec}`;
  const maxOutputLength = bytesMax - count * RECORD_OVERHEAD_BYTES;
  if (maxOutputLength <= 0) throw tooLarge(`${count} records`, bytesMax);
  try {
    if (codec === GZIP) return await unzip(bytes, { maxOutputLength, chunkSize: CHUNK_BYTES });
    if (codec === ZSTD) {
      const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX };
      return await unzstd(bytes, { maxOutputLength, chunkSize: CHUNK_BYTES, params });
    }
  } catch (thrown) {
    if (TOO_LARGE.has(Reflect.get(Object(thrown), "code"))) throw tooLarge(`${name} data`, bytesMax);
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new TriplineError("message-unreadable", `Records compressed with ${name} cannot be decompressed: ${reason}`);
  }
  throw new TriplineError("message-unreadable", `A batch is compressed with ${name}; only gzip and zstd can be read`);
}

/** The share of `UNPACKED_BYTES_MAX` that decompressed records use. */
export function unpackedSize(unpacked: Buffer, count: number): number {
  return unpacked.length + count * RECORD_OVERHEAD_BYTES;
}

function tooLarge(what: string, bytesMax: number): TriplineError {
  return new TriplineError("body-too-large", `A batch of ${what} exceeds ${bytesMax} bytes after decompression`);
}
