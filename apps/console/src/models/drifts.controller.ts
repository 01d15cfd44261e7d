import { Controller, Inject } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DriftDetected } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { BACKGROUND } from "../background.js";

const DAY_PATTERN = /^\d{4}-\d{2}-\d{2}$/;

/** Stores days with drift. A repeated finding changes nothing. */
@Controller()
export class DriftsController {
  constructor(@Inject(BACKGROUND) private readonly database: Database) {}

  @KafkaBatches({ group: "console-drifts", topics: [TOPICS.driftDetected.name], recordsPerBatchMax: 50, roundsMax: 1 })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    for (const { value } of batches.flatMap(({ records }) => records)) {
      const drift = DriftDetected.decode(value);
      if (!DAY_PATTERN.test(drift.day)) throw new TriplineError("message-unreadable", "It contains no day.");
      await this.database.execute(
        `INSERT INTO console.drifts (event_id, model, tenant, day, compared_from, compared_to, payments, sentence, columns,
           detected_at_ms, read_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (event_id) DO NOTHING`,
        [
          ...[
            drift.eventId,
            drift.modelName,
            drift.tenant,
            drift.day,
            drift.comparedFrom,
            drift.comparedTo,
            drift.rows,
          ],
          ...[drift.sentence, JSON.stringify(drift.columns), drift.detectedAtMs, Date.now()],
        ],
      );
    }
  }
}
