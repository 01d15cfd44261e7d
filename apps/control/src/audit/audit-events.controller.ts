import { Controller, Inject } from "@nestjs/common";
import { auditEvent } from "@tripline/contracts/audit/audit-entry";
import { TriplineError } from "@tripline/contracts/error-table";
import { AuditEvent } from "@tripline/contracts/generated/tripline/events/v1/events";
import { AUDIT_TOPIC } from "@tripline/contracts/topics";
import type { IncomingRecord, RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import { AuditLog } from "./audit-log.js";

/** Writes the services' audit events to the audit log. */
@Controller()
export class AuditEventsController {
  constructor(@Inject(AuditLog) private readonly log: AuditLog) {}

  @KafkaBatches({ group: "control-audit", topics: [AUDIT_TOPIC.name], recordsPerBatchMax: 200 })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    await this.log.append(batches.flatMap(({ records }) => records.map(readEvent)));
  }
}

function readEvent({ value, topic, partition, offset }: IncomingRecord) {
  const place = `${topic}, partition ${partition}, offset ${offset}`;
  try {
    return auditEvent.parse(AuditEvent.decode(value));
  } catch (cause) {
    throw new TriplineError("message-unreadable", `The record at ${place} is not an audit event.`, [], { cause });
  }
}
