import { TriplineError } from "@tripline/contracts/error-table";
import { consumerCheck } from "./check-consumer.js";

const stuck = new TriplineError("redis-unavailable", "labels/3 has failed for 61 s");

test.each<[string, boolean, TriplineError | undefined, object | undefined]>([
  ["is consuming: ready", true, undefined, undefined],
  ["is not a live member: not ready", false, undefined, { code: "kafka-unavailable", message: "It reads nothing." }],
  ["is stuck at a partition: not ready, and the error names the partition", true, stuck, stuck],
])("reports the health of a service whose consumer %s", async (_state, isHealthy, error, expected) => {
  const check = async () => consumerCheck({ isHealthy: () => isHealthy, stuck: () => error }, "It reads nothing.")();
  if (expected === undefined) await expect(check()).resolves.toBeUndefined();
  else await expect(check()).rejects.toMatchObject(expected);
});
