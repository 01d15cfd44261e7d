import { Controller, Inject } from "@nestjs/common";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { isSubject } from "@tripline/contracts/identifiers";
import { TABLES } from "@tripline/contracts/topics";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import { RebuildHold } from "../states/rebuild-hold.js";
import { ProfileEraser } from "./profile-eraser.js";
import { ScanEraser } from "./scan-eraser.js";
import { StateEraser } from "./state-eraser.js";

/** A scan of all keys takes as long for many people as for a single person. */
const PEOPLE_PER_SCAN_MAX = 1_000;

/** Clears the states of erased people and deletes derived data. */
@Controller()
export class ErasuresController {
  constructor(
    @Inject(RebuildHold) private readonly hold: RebuildHold,
    @Inject(StateEraser) private readonly states: StateEraser,
    @Inject(ProfileEraser) private readonly profiles: ProfileEraser,
    @Inject(ScanEraser) private readonly others: ScanEraser,
  ) {}

  @KafkaBatches({
    group: "features-erasures",
    topics: [TABLES.erasures.name],
    recordsPerBatchMax: PEOPLE_PER_SCAN_MAX,
    roundsMax: 1,
  })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    // A rebuild in progress may not know about them.
    await this.hold.passed();
    const erasures = batches
      .flatMap(({ records }) => records.map(({ value }) => Erasure.decode(value)))
      .filter(({ subject }) => isSubject(subject));
    for (const { tenant, subject, erasedAtMs } of erasures) {
      await this.states.erase(tenant, subject);
      await this.profiles.erase(tenant, subject, erasedAtMs);
    }
    await this.others.erase(erasures);
  }
}
