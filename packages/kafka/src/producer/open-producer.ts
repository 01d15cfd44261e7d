import { TriplineError } from "@tripline/contracts/error-table";
import type { ClientLibrary, RawRecord, StampedRecord } from "../client/client-library.js";
import type { EventProducer, Log, OutgoingRecord } from "../port.js";
import { RecordDelivery } from "./record-delivery.js";
import type { GatherLimits } from "./send-gatherer.js";
import { GATHER_LIMITS, SendGatherer } from "./send-gatherer.js";

const RECORD_BYTES_MAX = 1_000_000;
/** Upper bound of a record's size without its key, value and headers, in bytes. */
const OVERHEAD_BYTES = 32;
const WARM_UP_MS_MAX = 2_000;

export interface ProducerOptions {
  readonly library: ClientLibrary;
  readonly topicPrefix: string;
  readonly log: Log;
  readonly limits?: GatherLimits;
}

/** A producer that can also send exact bytes, for dead letters. */
export interface RawProducer extends EventProducer {
  /** @param topic without the prefix */
  sendRaw(topic: string, record: RawRecord): Promise<void>;
}

export async function openProducer(options: ProducerOptions): Promise<RawProducer> {
  const { library, topicPrefix, log, limits = GATHER_LIMITS } = options;
  const delivery = new RecordDelivery(library, log);
  const gatherer = new SendGatherer((records, deadlineMs) => delivery.deliver(records, deadlineMs), limits);
  await delivery.warmUp(WARM_UP_MS_MAX);
  return {
    async send(records) {
      await gatherer.send(records.map((record) => stamp(record, topicPrefix)));
    },
    async sendRaw(topic, record) {
      await gatherer.send([{ topic: topicPrefix + topic, record, sizeBytes: sizeOf(record) }]);
    },
    async close() {
      await gatherer.close();
      await delivery.close();
    },
  };
}

/** Caches the names of headers: there are only a few, and otherwise they would be encoded for each record. */
const names = new Map<string, Buffer>();
const NAMES_MAX = 100;

function nameBytes(name: string): Buffer {
  const known = names.get(name);
  if (known !== undefined) return known;
  const bytes = Buffer.from(name);
  if (names.size < NAMES_MAX) names.set(name, bytes);
  return bytes;
}

function stamp({ topic, key, value, headers: sent }: OutgoingRecord, topicPrefix: string): StampedRecord {
  // A view of the same bytes, not a copy.
  const bytes = value.length === 0 ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const headers = Object.keys(sent).map((name) => [nameBytes(name), Buffer.from(sent[name] ?? "")] as const);
  const record: RawRecord = { key: Buffer.from(key), value: bytes, headers };
  const sizeBytes = sizeOf(record);
  if (sizeBytes > RECORD_BYTES_MAX) {
    throw new TriplineError(
      "body-too-large",
      `A record of ${sizeBytes} bytes exceeds the limit of ${RECORD_BYTES_MAX}`,
    );
  }
  return { topic: topicPrefix + topic, record, sizeBytes };
}

/** The size of a record in a request, estimated conservatively. */
export function sizeOf({ key, value, headers }: RawRecord): number {
  let sizeBytes = OVERHEAD_BYTES + lengthOf(key) + lengthOf(value);
  for (const [name, content] of headers) sizeBytes += lengthOf(name) + lengthOf(content) + 8;
  return sizeBytes;
}

function lengthOf(content: string | Buffer | null): number {
  if (typeof content === "string") return Buffer.byteLength(content);
  return content?.length ?? 0;
}
