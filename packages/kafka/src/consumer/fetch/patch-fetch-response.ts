import { promisify } from "node:util";
import { gzip } from "node:zlib";
import kafkajs from "kafkajs";
import fetch from "kafkajs/src/protocol/requests/fetch/index.js";
import { decodeFetch } from "./decode-fetch.js";
import { GZIP, UNPACKED_BYTES_MAX, unpackRecords } from "./unpack-batch.js";

/** The parts of kafkajs 2.2.4 that are used: a request for each version of the protocol, and the reader of its answer. */
interface MadeRequest {
  readonly response: { decode(bytes: Buffer): Promise<unknown> };
}

type MakeRequest = (content: unknown) => MadeRequest;

const VERSION = 11;

let isPatched = false;

/**
 * Lets kafkajs read fetched records with `decodeFetch`. Only the bytes of responses are read here; kafkajs still decides
 * what to fetch and what follows from a response. What `decodeFetch` does not read is left to kafkajs' own decoder, which
 * unpacks no more than ours does. A kafkajs that looks different is left as it is.
 *
 * Patches: `protocol` in kafkajs/src/protocol/requests/fetch/index.js, line 250, and the public table of gzip codecs.
 * Issues: none that asks for less work per record; kafkajs' decoder makes an object for every number of a response.
 * Can go: when `npm run bench -- kafka --only consume` shows that another client, or kafkajs' own decoder, is as fast, reads
 * zstd and bounds what it unpacks.
 */
export function patchFetchResponse(): void {
  if (isPatched) return;
  isPatched = true;
  // Not by their names: Node finds only some of the names that a CommonJS module exports.
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.GZIP] = () => ({
    compress: (encoder: { readonly buffer: Buffer }) => promisify(gzip)(encoder.buffer),
    decompress: (bytes: Buffer) => unpackRecords({ codec: GZIP, bytes, count: 0 }, UNPACKED_BYTES_MAX),
  });
  if (typeof fetch !== "object" || fetch === null) return;
  const protocol: unknown = Reflect.get(fetch, "protocol");
  if (typeof protocol !== "function") return;
  const patched = (options: { version: number }): MakeRequest => {
    const original: MakeRequest = Reflect.apply(protocol, fetch, [options]);
    if (options.version !== VERSION) return original;
    return (content) => {
      const made = original(content);
      const decode = async (bytes: Buffer) => (await decodeFetch(bytes)) ?? made.response.decode(bytes);
      return { ...made, response: { ...made.response, decode } };
    };
  };
  Reflect.set(fetch, "protocol", patched);
}
