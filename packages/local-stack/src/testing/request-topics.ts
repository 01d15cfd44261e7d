import { int16, int32, sendRequest } from "../servers/request-kafka.js";

const ApiKey = { metadata: 3, createTopics: 19, deleteTopics: 20 } as const;

/** Creates a topic with one partition. Throws if the broker rejects it. */
export async function createTopic(brokers: readonly string[], topic: string): Promise<void> {
  // topics [ name | partitions | replicas | assignments [] | configs [] ] | timeout ms | validate only
  const body = Buffer.concat([int32(1), text(topic), int32(1), int16(1), int32(0), int32(0), int32(5_000), int8(0)]);
  const answer = new Reader(await sendRequest(portOf(brokers), ApiKey.createTopics, 4, body));
  answer.int32(); // throttle time
  answer.int32(); // one topic
  answer.text();
  const errorCode = answer.int16();
  if (errorCode !== 0) throw new Error(`Kafka did not create the topic ${topic}: error code ${errorCode}.`);
}

/** Deletes topics. Kafka removes their files later. */
export async function deleteTopics(brokers: readonly string[], topics: readonly string[]): Promise<void> {
  // topics [ name ] | timeout ms
  const body = Buffer.concat([int32(topics.length), ...topics.map(text), int32(5_000)]);
  await sendRequest(portOf(brokers), ApiKey.deleteTopics, 3, body);
}

/** The names of all topics. */
export async function listTopics(brokers: readonly string[]): Promise<string[]> {
  // topics null: all | do not create any
  const answer = new Reader(
    await sendRequest(portOf(brokers), ApiKey.metadata, 4, Buffer.concat([int32(-1), int8(0)])),
  );
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

class Reader {
  private offset = 0;

  constructor(private readonly buffer: Buffer) {}

  int8 = () => this.buffer.readInt8(this.advance(1));
  int16 = () => this.buffer.readInt16BE(this.advance(2));
  int32 = () => this.buffer.readInt32BE(this.advance(4));

  /** A null string is read as an empty one. */
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

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([int16(bytes.length), bytes]);
}

function portOf(brokers: readonly string[]): number {
  return Number(brokers[0]?.split(":")[1]);
}
