import type { TriplineError } from "@tripline/contracts/error-table";
import type { Logger } from "@tripline/telemetry/logger";

/**
 * Logs why a request over either protocol failed, if the fault is ours.
 *
 * @param path the method of gRPC, or the route
 */
export function logFailure(thrown: unknown, { code, message }: TriplineError, path: string, logger: Logger): void {
  if (code === "internal") logger.error({ err: thrown, path }, message);
}
