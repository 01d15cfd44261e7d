import { encodeMessage } from "@tripline/contracts/encode-message";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { completeKey } from "@tripline/feature-engine/state/state-key";
import type { OutgoingRecord } from "@tripline/kafka/port";
import { createLogger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { BatchProcessor } from "../batches/batch-processor.js";
import { ErasuresController } from "../erasures/erasures.controller.js";
import { exportStates } from "../erasures/export-states.js";
import { KeyScan } from "../erasures/key-scan.js";
import { ProfileEraser } from "../erasures/profile-eraser.js";
import { ScanEraser } from "../erasures/scan-eraser.js";
import { StateEraser } from "../erasures/state-eraser.js";
import { FeatureMetrics } from "../feature-metrics.js";
import { ProfileReader } from "../profiles/profile-reader.js";
import { PartitionKeys } from "../states/partition-keys.js";
import { RebuildHold } from "../states/rebuild-hold.js";
import { StateCompleteness } from "../states/state-completeness.js";
import { StateStore } from "../states/state-store.js";
import { delivered, START_MS } from "./events.js";
import { Outbox, TTL_SECONDS } from "./instance.js";

const logger = createLogger("test", "silent");
const NO_OFFSETS = {
  clusterId: async () => "cluster",
  committedOffsets: async () => new Map<number, number>(),
  endOffsets: async () => new Map([[0, 1e6]]),
};

/** For the tests: the service's own code for any feature spec, on a real Redis and without consumers. */
export function specInstance(spec: FeatureSpec, counting: Redis, erasing: Redis) {
  const engine = compileEngine(spec);
  const store = new StateStore(counting, { stateTtlSeconds: TTL_SECONDS, completeKey: completeKey(engine.entities) });
  const outbox = new Outbox();
  const processor = new BatchProcessor(
    engine,
    store,
    new PartitionKeys(NO_OFFSETS, store, { KAFKA_TOPIC_PREFIX: "p." }),
    new StateCompleteness(NO_OFFSETS, store),
    new ProfileReader({ engine, onUnreadable: () => {} }),
    outbox,
    new FeatureMetrics(),
  );
  const states = new StateEraser(erasing, engine);
  const profiles = new ProfileEraser(erasing, { engine });
  const scan = new KeyScan(erasing, logger, { share: 1 });
  const others = new ScanEraser(engine, scan, states, profiles);
  const controller = new ErasuresController(new RebuildHold(erasing), states, profiles, others);
  return {
    engine,
    /** @returns the emitted records */
    async count(records: readonly OutgoingRecord[]): Promise<readonly OutgoingRecord[]> {
      const [first] = records;
      if (first === undefined) return [];
      const incoming = records.map((record, offset) => delivered(record, offset));
      await (await processor.handle([{ topic: first.topic, partition: 0, records: incoming }])).finished;
      return outbox.sent.splice(0);
    },
    export: (tenant: string, subject: string) => exportStates(erasing, engine, profiles, { tenant, subject }),
    async erase(erasures: readonly Erasure[]): Promise<void> {
      const records = erasures.map((erasure, offset) => {
        const record = { topic: TABLES.erasures.name, key: "", value: encodeMessage(Erasure, erasure), headers: {} };
        return { ...delivered(record, offset), timestampMs: START_MS };
      });
      await controller.handle([{ topic: TABLES.erasures.name, partition: 0, records }]);
    },
  };
}
