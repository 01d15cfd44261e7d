import { WorkGatherer } from "@tripline/kafka/consumer/work-gatherer";
import type { RecordBatch } from "@tripline/kafka/port";
import type { BatchProcessor } from "../batches/batch-processor.js";
import { RECORDS_TOGETHER_MAX, ROUNDS_MAX } from "../batches/batch-processor.js";

/** Groups batches as the service's consumer does. */
export function gatherFor(processor: BatchProcessor): WorkGatherer<RecordBatch> {
  return new WorkGatherer({
    doTogether: (batches) => processor.handle(batches),
    sizeOf: ({ records }) => records.length,
    sizeMax: RECORDS_TOGETHER_MAX,
    roundsMax: ROUNDS_MAX,
  });
}
