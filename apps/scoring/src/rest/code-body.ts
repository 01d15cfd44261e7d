import { promisify } from "node:util";
import { deflate, gunzip, gzip, inflate } from "node:zlib";
import { TriplineError } from "@tripline/contracts/error-table";

type Coding = "gzip" | "deflate";

const DECODERS = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const;
const ENCODERS = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;
/** Minimum size for compression, in bytes. Below this size, compression costs more than it saves. */
const ENCODED_BYTES_MIN = 1_024;

/**
 * Decompresses a body by its `Content-Encoding`.
 *
 * @param bytesMax maximum size after decompression
 * @throws TriplineError `unsupported-media-type`, `body-too-large`, `invalid-header` if the body is not in that
 * encoding
 */
export async function decodeBody(body: Buffer, encoding: string | undefined, bytesMax: number): Promise<Buffer> {
  if (encoding === undefined || encoding === "identity") return body;
  if (!isCoding(encoding)) {
    throw new TriplineError("unsupported-media-type", "Content-Encoding must be gzip, deflate or identity.");
  }
  try {
    return await DECODERS[encoding](body, { maxOutputLength: bytesMax });
  } catch (error) {
    // Checks the code instead of the class, because the error may belong to another realm.
    if (Object(error).code === "ERR_BUFFER_TOO_LARGE") {
      throw new TriplineError("body-too-large", `The body has more than ${bytesMax} bytes after decompression.`);
    }
    throw new TriplineError(
      "invalid-header",
      `The body is not valid ${encoding}, but Content-Encoding says that it is.`,
    );
  }
}

/** Compresses a body if the caller's `Accept-Encoding` allows it. */
export async function encodeBody(
  body: Buffer,
  accepted: string | undefined,
): Promise<{ body: Buffer; coding?: Coding }> {
  const codings = (accepted ?? "").split(",").map((one) => one.trim());
  const coding = codings.find(isCoding);
  if (coding === undefined || body.length < ENCODED_BYTES_MIN) return { body };
  return { body: await ENCODERS[coding](body), coding };
}

function isCoding(text: string): text is Coding {
  return text === "gzip" || text === "deflate";
}
