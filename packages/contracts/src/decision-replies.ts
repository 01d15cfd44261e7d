import { TriplineError } from "./error-table.js";
import { REPLY_DECISION, REPLY_DECISIONS } from "./redis-keys.js";

/*
 * A message on a reply channel with several decisions: `D`, then for each decision its length in bytes as 32 bits,
 * little-endian, and its bytes. A single decision is `d` and its bytes.
 */

const LENGTH_BYTES = 4;

/** One message with all decisions for the callers on one channel. */
export function joinDecisions(decisions: readonly Uint8Array[]): Buffer {
  const [only] = decisions;
  if (decisions.length === 1 && only !== undefined) return Buffer.concat([Buffer.of(REPLY_DECISION), only]);
  const size = decisions.reduce((sum, bytes) => sum + LENGTH_BYTES + bytes.length, 1);
  const message = Buffer.allocUnsafe(size);
  let at = message.writeUInt8(REPLY_DECISIONS);
  for (const bytes of decisions) {
    at = message.writeUInt32LE(bytes.length, at);
    message.set(bytes, at);
    at += bytes.length;
  }
  return message;
}

/**
 * The decisions after the type byte `D`, as views on the message.
 *
 * @throws TriplineError `message-unreadable` for a truncated message
 */
export function splitDecisions(content: Buffer): Buffer[] {
  const decisions: Buffer[] = [];
  for (let at = 0; at < content.length; ) {
    const start = at + LENGTH_BYTES;
    const end = start <= content.length ? start + content.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (end > content.length)
      throw new TriplineError("message-unreadable", "A reply with several decisions is truncated.");
    decisions.push(content.subarray(start, end));
    at = end;
  }
  return decisions;
}
