import { connect } from "node:net";

/**
 * The few requests of Kafka's protocol (https://kafka.apache.org/protocol) that show whether a broker is there and what
 * it holds. A real client is packages/kafka; this package stands below it and cannot use it.
 *
 * Layout of a request: size (int32) | api key (int16) | version (int16) | correlation id (int32) | client id null (int16) | body
 */
const CORRELATION_ID = 7;
const ANSWER_MS_MAX = 10_000;

const ApiKey = { metadata: 3, apiVersions: 18, createTopics: 19 } as const;

/** Whether a broker answers ApiVersions, which every client asks first. Never throws. */
export async function answersApiVersions(port: number): Promise<boolean> {
  try {
    const answer = await ask(port, ApiKey.apiVersions, 0, Buffer.alloc(0));
    return answer.readInt16BE(0) === 0;
  } catch {
    return false;
  }
}

/** Makes a topic with one partition. Throws when the broker refuses. */
export async function createTopic(brokers: readonly string[], topic: string): Promise<void> {
  // topics [ name | partitions | replicas | assignments [] | configs [] ] | timeout ms | validate only
  const body = Buffer.concat([int32(1), text(topic), int32(1), int16(1), int32(0), int32(0), int32(5_000), int8(0)]);
  const answer = new Reader(await ask(portOf(brokers), ApiKey.createTopics, 4, body));
  answer.int32(); // throttle time
  answer.int32(); // one topic
  answer.text();
  const errorCode = answer.int16();
  if (errorCode !== 0) throw new Error(`Kafka refused to create the topic ${topic}: error code ${errorCode}.`);
}

/** The names of all topics. */
export async function listTopics(brokers: readonly string[]): Promise<string[]> {
  // topics null: all of them | do not create any
  const answer = new Reader(await ask(portOf(brokers), ApiKey.metadata, 4, Buffer.concat([int32(-1), int8(0)])));
  answer.int32(); // throttle time
  answer.list(() => [answer.int32(), answer.text(), answer.int32(), answer.text()]); // brokers: id, host, port, rack
  answer.text(); // cluster id
  answer.int32(); // controller
  const ids = () => answer.list(() => answer.int32());
  return answer.list(() => {
    answer.int16(); // error code
    const name = answer.text();
    answer.int8(); // internal
    answer.list(() => [answer.int16(), answer.int32(), answer.int32(), ids(), ids()]); // partitions
    return name;
  });
}

/** One request on a connection of its own. Resolves to the answer's body. */
function ask(port: number, apiKey: number, version: number, body: Buffer): Promise<Buffer> {
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
      else reject(new Error("The answer belongs to another request."));
    });
    socket.once("error", reject);
    for (const event of ["timeout", "close"] as const) {
      socket.once(event, () => {
        socket.destroy();
        reject(new Error("Kafka did not answer."));
      });
    }
  });
}

class Reader {
  private offset = 0;

  constructor(private readonly buffer: Buffer) {}

  int8 = () => this.buffer.readInt8(this.advance(1));
  int16 = () => this.buffer.readInt16BE(this.advance(2));
  int32 = () => this.buffer.readInt32BE(this.advance(4));

  /** A null string reads as an empty one. */
  text(): string {
    const length = Math.max(0, this.int16());
    const start = this.advance(length);
    return this.buffer.toString("utf8", start, start + length);
  }

  list<T>(readOne: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, readOne);
  }

  private advance(bytes: number): number {
    this.offset += bytes;
    return this.offset - bytes;
  }
}

function int8(value: number): Buffer {
  return Buffer.from([value]);
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([int16(bytes.length), bytes]);
}

function portOf(brokers: readonly string[]): number {
  return Number(brokers[0]?.split(":")[1]);
}
