import { connect } from "node:net";

/**
 * The Kafka protocol request (https://kafka.apache.org/protocol) that shows whether a broker is available. The real
 * client is packages/kafka, which this lower-level package cannot use.
 *
 * Layout of a request: size (int32) | api key (int16) | version (int16) | correlation id (int32) | client id null
 * (int16) | body
 */
const CORRELATION_ID = 7;
const ANSWER_MS_MAX = 10_000;

const API_VERSIONS = 18;

/** Whether a broker responds to ApiVersions, the first request of every client. Never throws. */
export async function answersApiVersions(port: number): Promise<boolean> {
  try {
    const answer = await sendRequest(port, API_VERSIONS, 0, Buffer.alloc(0));
    return answer.readInt16BE(0) === 0;
  } catch {
    return false;
  }
}

/** Sends one request on a separate connection. Resolves with the body of the response. */
export function sendRequest(port: number, apiKey: number, version: number, body: Buffer): Promise<Buffer> {
  const request = Buffer.concat([int16(apiKey), int16(version), int32(CORRELATION_ID), int16(-1), body]);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: ANSWER_MS_MAX });
    let answer = Buffer.alloc(0);
    socket.once("connect", () => socket.write(Buffer.concat([int32(request.length), request])));
    socket.on("data", (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < 8 || answer.length < 4 + answer.readInt32BE(0)) return;
      socket.destroy();
      if (answer.readInt32BE(4) === CORRELATION_ID) resolve(answer.subarray(8));
      else reject(new Error("The response belongs to a different request."));
    });
    socket.once("error", reject);
    for (const event of ["timeout", "close"] as const) {
      socket.once(event, () => {
        socket.destroy();
        reject(new Error("Kafka did not respond."));
      });
    }
  });
}

export function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

export function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}
