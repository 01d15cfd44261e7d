import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";

/** Compressing smaller responses does not save a packet. */
const BYTES_MIN = 1_024;
const TEXTS = /^text\/|json/;
const compress = promisify(gzip);

/**
 * Compresses JSON and CSV. Static files are compressed at build time, and streams are never compressed. Other sites
 * cannot request these responses with a user's cookie, so the compressed sizes reveal nothing.
 */
export async function compressResponse(
  { headers }: Pick<FastifyRequest, "headers">,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  const isWhole = typeof payload === "string" || Buffer.isBuffer(payload);
  if (!isWhole || payload.length < BYTES_MIN || reply.hasHeader("content-encoding")) return payload;
  if (!TEXTS.test(String(reply.getHeader("content-type")))) return payload;
  reply.header("vary", "accept-encoding");
  if (!String(headers["accept-encoding"]).includes("gzip")) return payload;
  reply.header("content-encoding", "gzip").removeHeader("content-length");
  return compress(payload);
}
