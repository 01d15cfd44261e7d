import EncoderClass from "kafkajs/src/protocol/encoder.js";
import produce from "kafkajs/src/protocol/requests/produce/index.js";
import type { PartitionContent, ProduceContent, TopicContent } from "./encode-produce.js";
import { encodeProduce } from "./encode-produce.js";

/** The parts of kafkajs 2.2.4 that are used: a request for each version of the protocol, and its writer. */
interface MadeRequest {
  readonly request: { readonly apiVersion: number; encode(): Promise<unknown> };
}

type MakeRequest = (content: Readonly<Record<string, unknown>>) => MadeRequest;

interface Encoder {
  buf: Buffer;
  offset: number;
}

const VERSION_MIN = 3;
const VERSION_MAX = 7;

let isPatched = false;

/**
 * Lets kafkajs send what `encodeProduce` writes. Only the bytes of produce requests are made here; connections, leaders,
 * sequence numbers and retries are still kafkajs'. What `encodeProduce` does not write (transactions, compression, records
 * with their own time) is left to kafkajs' encoder. A kafkajs that looks different is left as it is.
 *
 * Patches: `protocol` in kafkajs/src/protocol/requests/produce/index.js, line 101.
 * Issues: https://github.com/tulios/kafkajs/issues/383 (closed; records of a batch are joined at once since then, but each
 * field is still a buffer).
 * Can go: when `npm run bench -- kafka --only produce` shows that another client, or kafkajs' own encoder, is as fast.
 */
export function patchProduceRequest(): void {
  if (isPatched) return;
  isPatched = true;
  if (typeof produce !== "object" || produce === null || typeof EncoderClass !== "function") return;
  const protocol: unknown = Reflect.get(produce, "protocol");
  if (typeof protocol !== "function") return;
  const makeEncoder = EncoderClass;
  const encoderOf = (bytes: Buffer): Encoder => {
    const encoder: Encoder = Reflect.construct(makeEncoder, [1]);
    encoder.buf = bytes;
    encoder.offset = bytes.length;
    return encoder;
  };
  const patched = (options: { version: number }): MakeRequest => {
    const original: MakeRequest = Reflect.apply(protocol, produce, [options]);
    if (options.version < VERSION_MIN || options.version > VERSION_MAX) return original;
    return (given) => {
      const made = original(given);
      const content = contentOf(given);
      if (content === undefined) return made;
      return {
        ...made,
        request: { ...made.request, encode: async () => encoderOf(encodeProduce(content, Date.now())) },
      };
    };
  };
  Reflect.set(produce, "protocol", patched);
}

/** Undefined for what is left to kafkajs. */
function contentOf(given: Readonly<Record<string, unknown>>): ProduceContent | undefined {
  const { acks, timeout, transactionalId, compression, producerId, producerEpoch, topicData } = given;
  if ((transactionalId ?? undefined) !== undefined || (compression ?? 0) !== 0) return undefined;
  if (typeof acks !== "number" || typeof timeout !== "number" || !isTopicData(topicData)) return undefined;
  const id = idOf(producerId);
  if (id === undefined) return undefined;
  return {
    acks,
    timeout,
    topicData,
    producerId: id,
    producerEpoch: typeof producerEpoch === "number" ? producerEpoch : 0,
  };
}

function idOf(producerId: unknown): bigint | undefined {
  if (producerId === undefined) return -1n;
  const isNumber = typeof producerId === "string" || typeof producerId === "number" || typeof producerId === "bigint";
  return isNumber ? BigInt(producerId) : undefined;
}

function isTopicData(topicData: unknown): topicData is readonly TopicContent[] {
  return Array.isArray(topicData) && topicData.every(({ partitions }: TopicContent) => partitions.every(isUntimed));
}

function isUntimed({ messages }: PartitionContent): boolean {
  return messages.every(({ timestamp }) => timestamp === undefined);
}
