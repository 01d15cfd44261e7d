import type { TriplineError } from "@tripline/contracts/error-table";
import { DEAD_LETTER_HEADERS } from "@tripline/contracts/headers";
import type { KafkaMessage, Message } from "kafkajs";
import type { IncomingRecord } from "../port.js";
import { DecodedMessage } from "./decoded-message.js";

const MESSAGE_LENGTH_MAX = 1_000;
const NO_BYTES = Buffer.alloc(0);

/** A record with what kafkajs made it from, so that a dead letter keeps the very bytes. */
export interface FetchedRecord extends IncomingRecord {
  readonly raw: KafkaMessage;
}

/** The original key, value and headers, with what went wrong in further headers. */
export function deadLetter(record: FetchedRecord, error: TriplineError, group: string): Message {
  const { raw } = record;
  return {
    key: raw.key,
    value: raw.value,
    headers: {
      ...raw.headers,
      [DEAD_LETTER_HEADERS.code]: error.code,
      [DEAD_LETTER_HEADERS.message]: error.message.slice(0, MESSAGE_LENGTH_MAX),
      [DEAD_LETTER_HEADERS.topic]: record.topic,
      [DEAD_LETTER_HEADERS.partition]: String(record.partition),
      [DEAD_LETTER_HEADERS.offset]: String(record.offset),
      [DEAD_LETTER_HEADERS.group]: group,
    },
  };
}

export function asFetchedRecord(topic: string, partition: number, raw: KafkaMessage): FetchedRecord {
  if (raw instanceof DecodedMessage) {
    const { offset, timestampMs, keyText: key, value, headerTexts: headers } = raw.content;
    return { topic, partition, offset, key, value: value ?? NO_BYTES, headers, timestampMs, raw };
  }
  return {
    topic,
    partition,
    offset: Number(raw.offset),
    key: raw.key?.toString("utf8") ?? "",
    value: raw.value ?? NO_BYTES,
    headers: headersOf(raw),
    timestampMs: Number(raw.timestamp),
    raw,
  };
}

/** Values as UTF-8; of a header that stands several times, the last, as Kafka's own clients do. */
function headersOf({ headers = {} }: KafkaMessage): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, values] of Object.entries(headers)) {
    const value = Array.isArray(values) ? values.at(-1) : values;
    if (value !== undefined) texts[name] = value.toString("utf8");
  }
  return texts;
}
