import { Controller, Inject } from "@nestjs/common";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import { RebuildHold } from "../states/rebuild-hold.js";
import { ProfileEraser } from "./profile-eraser.js";
import { StateEraser } from "./state-eraser.js";

/** Empties the states of people who were erased, and takes out what others computed of them. */
@Controller()
export class ErasuresController {
  constructor(
    @Inject(RebuildHold) private readonly hold: RebuildHold,
    @Inject(StateEraser) private readonly states: StateEraser,
    @Inject(ProfileEraser) private readonly profiles: ProfileEraser,
  ) {}

  @KafkaBatches({ group: "features-erasures", topics: [TABLES.erasures.name], recordsPerBatchMax: 50, roundsMax: 1 })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    // A rebuild that is under way may not know of them.
    await this.hold.passed();
    for (const { value } of batches.flatMap(({ records }) => records)) {
      const { tenant, subject, erasedAtMs } = Erasure.decode(value);
      if (subject === "") continue;
      await this.states.erase(tenant, subject);
      await this.profiles.erase(tenant, subject, erasedAtMs);
    }
  }
}
