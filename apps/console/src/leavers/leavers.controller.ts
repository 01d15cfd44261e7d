import { Controller, Inject } from "@nestjs/common";
import { AuthEvent, AuthSubject } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { BACKGROUND } from "../background.js";
import { releaseCases } from "./release-cases.js";

export const LEAVERS_GROUP = "console-leavers";

/** Ends the sessions of disabled users, and unassigns their cases. Records may be repeated, even much later. */
@Controller()
export class LeaversController {
  constructor(@Inject(BACKGROUND) private readonly database: Database) {}

  @KafkaBatches({ group: LEAVERS_GROUP, topics: [TABLES.authEvents.name], recordsPerBatchMax: 50, roundsMax: 1 })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    // A later record of the same user may say that the user is enabled again.
    const latest = new Map(batches.flatMap(({ records }) => records.map(({ key, value }) => [key, value])));
    for (const value of latest.values()) {
      const { kind, subject, tenant, disabled, changedAtMs } = AuthEvent.decode(value);
      if (kind === AuthSubject.PERSON && disabled) await releaseCases(this.database, tenant, subject, changedAtMs);
    }
  }
}
