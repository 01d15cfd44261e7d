import { TriplineError } from "@tripline/contracts/error-table";
import type { HealthCheck } from "../readiness.js";

/** The parts of a consumer that the readiness check needs; matches `EventConsumer` of `packages/kafka`. */
export interface CheckedConsumer {
  isHealthy(): boolean;
  stuck(): TriplineError | undefined;
}

/**
 * Ready while the consumer is a live member of its group and no partition is stuck.
 *
 * @param detail the message if it is not a live member
 */
export function consumerCheck(consumer: CheckedConsumer, detail: string): HealthCheck {
  return () => {
    if (!consumer.isHealthy()) throw new TriplineError("kafka-unavailable", detail);
    const stuck = consumer.stuck();
    if (stuck !== undefined) throw stuck;
  };
}
