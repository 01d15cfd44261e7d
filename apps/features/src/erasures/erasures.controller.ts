import { Controller, Inject } from "@nestjs/common";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import { RebuildHold } from "../states/rebuild-hold.js";
import { StateEraser } from "./state-eraser.js";

/** Empties the states of people who were erased. */
@Controller()
export class ErasuresController {
  constructor(
    @Inject(RebuildHold) private readonly hold: RebuildHold,
    @Inject(StateEraser) private readonly eraser: StateEraser,
  ) {}

  @KafkaBatches({ group: "features-erasures", topics: [TABLES.erasures.name], recordsPerBatchMax: 50, roundsMax: 1 })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    // A rebuild that is under way may not know of them.
    await this.hold.passed();
    for (const { value } of batches.flatMap(({ records }) => records)) {
      const { tenant, subject } = Erasure.decode(value);
      if (subject !== "") await this.eraser.erase(tenant, subject);
    }
  }
}
