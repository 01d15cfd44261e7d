import { setTimeout as delay } from "node:timers/promises";
import { Controller, Inject } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { SubjectKey } from "@tripline/contracts/generated/tripline/events/v1/events";
import { SUBJECT_KEYS_TOPIC } from "@tripline/contracts/topics";
import type { IncomingRecord, RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import { KEY_ID_BYTES } from "@tripline/sealing/sealed-layout";
import { SubjectKeys } from "./subject-keys.js";

/**
 * How long keys are collected before they are stored together. No caller waits for them. On a small machine, a
 * transaction for every few keys doubled the latency of payments.
 */
const GATHER_MS = 500;

/** Stores the data keys that ingestion created. */
@Controller()
export class SubjectKeysController {
  constructor(@Inject(SubjectKeys) private readonly keys: SubjectKeys) {}

  @KafkaBatches({ group: "control-subject-keys", topics: [SUBJECT_KEYS_TOPIC.name], recordsPerBatchMax: 1_000 })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    await delay(GATHER_MS);
    await this.keys.add(batches.flatMap(({ records }) => records.map(readKey)));
  }
}

function readKey({ value, topic, partition, offset }: IncomingRecord): SubjectKey {
  const place = `${topic}, partition ${partition}, offset ${offset}`;
  try {
    const key = SubjectKey.decode(value);
    if (key.keyId.length === KEY_ID_BYTES && key.tenant !== "" && key.cardToken !== "") return key;
  } catch (cause) {
    throw new TriplineError("message-unreadable", `The record at ${place} is not a valid data key.`, [], { cause });
  }
  throw new TriplineError("message-unreadable", `The record at ${place} is an incomplete data key.`);
}
