import { Controller, Inject } from "@nestjs/common";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { AttachmentStore } from "../attachments/attachment-store.js";
import { BACKGROUND } from "../background.js";
import { eraseProjection } from "./erase-projection.js";

/** Deletes the data of erased people. */
@Controller()
export class ErasuresController {
  constructor(
    @Inject(BACKGROUND) private readonly database: Database,
    @Inject(AttachmentStore) private readonly attachments: AttachmentStore,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @KafkaBatches({ group: "console-erasures", topics: [TABLES.erasures.name], recordsPerBatchMax: 50, roundsMax: 1 })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    for (const { value } of batches.flatMap(({ records }) => records)) {
      const erasure = Erasure.decode(value);
      if (erasure.subject !== "") await eraseProjection(this.database, erasure);
    }
    await this.attachments.dropRemoved().catch((error: Error) => {
      this.logger.warn({ err: error }, "files of erased users stay in the object store until it is available");
    });
  }
}
