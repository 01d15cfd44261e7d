import { Controller, Inject } from "@nestjs/common";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import type { Database } from "@tripline/service-kit/postgres/connect-database";
import { BACKGROUND } from "../background.js";
import { eraseProjection } from "./erase-projection.js";

/** Takes people out who were erased. */
@Controller()
export class ErasuresController {
  constructor(@Inject(BACKGROUND) private readonly database: Database) {}

  @KafkaBatches({ group: "console-erasures", topics: [TABLES.erasures.name], recordsPerBatchMax: 50, roundsMax: 1 })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    for (const { value } of batches.flatMap(({ records }) => records)) {
      const erasure = Erasure.decode(value);
      if (erasure.subject !== "") await eraseProjection(this.database, erasure);
    }
  }
}
