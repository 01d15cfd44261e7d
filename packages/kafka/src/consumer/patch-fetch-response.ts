import { createRequire } from "node:module";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import kafkajs from "kafkajs";
import { decodeFetch } from "./decode-fetch.js";
import { GZIP, UNPACKED_BYTES_MAX, unpackRecords } from "./unpack-batch.js";

/** The parts of kafkajs 2.2.4 that are used: a request for each version of the protocol, and the reader of its answer. */
interface MadeRequest {
  readonly response: { decode(bytes: Buffer): Promise<unknown> };
}

type MakeRequest = (content: unknown) => MadeRequest;

const VERSION = 11;

let isMended = false;

/**
 * Lets kafkajs read fetched records with `decodeFetch`. Only the answers' bytes are read here; what is fetched when, and
 * what follows from an answer, stays kafkajs'. What `decodeFetch` does not read, and a kafkajs that looks different,
 * keep their own decoder, which unpacks no more than ours does.
 */
export function mendFetchResponse(): void {
  if (isMended) return;
  isMended = true;
  // Not by their names: Node finds only some of the names that a CommonJS module exports.
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.GZIP] = () => ({
    compress: (encoder: { readonly buffer: Buffer }) => promisify(gzip)(encoder.buffer),
    decompress: (bytes: Buffer) => unpackRecords({ codec: GZIP, bytes, count: 0 }, UNPACKED_BYTES_MAX),
  });
  const fetch: unknown = createRequire(import.meta.url)("kafkajs/src/protocol/requests/fetch/index.js");
  if (typeof fetch !== "object" || fetch === null) return;
  const protocol: unknown = Reflect.get(fetch, "protocol");
  if (typeof protocol !== "function") return;
  const mended = (options: { version: number }): MakeRequest => {
    const original: MakeRequest = Reflect.apply(protocol, fetch, [options]);
    if (options.version !== VERSION) return original;
    return (content) => {
      const made = original(content);
      const decode = async (bytes: Buffer) => (await decodeFetch(bytes)) ?? made.response.decode(bytes);
      return { ...made, response: { ...made.response, decode } };
    };
  };
  Reflect.set(fetch, "protocol", mended);
}
