import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { Readiness } from "@tripline/nest-kit/readiness";
import type { RunningParts } from "@tripline/nest-kit/run-main";
import type { RunningService } from "@tripline/nest-kit/start-service";
import type { ProcessPlan } from "./read-process.js";
import type { Target } from "./targets.js";

export interface RunningProcess extends RunningParts {
  readonly services: ReadonlyMap<Target, RunningService>;
}

/**
 * Starts the parts concurrently. Closes them in sequence, each one before the parts that it calls.
 *
 * @throws TriplineError the error of a part that did not start, with its name, after closing all others
 */
export async function startParts({ parts }: ProcessPlan): Promise<RunningProcess> {
  const services = new Map<Target, RunningService>();
  const close = async (): Promise<void> => {
    for (const target of [...parts.keys()].reverse()) await services.get(target)?.close();
  };
  const starting = [...parts].map(async ([target, part]) => {
    try {
      services.set(target, await part.start(services));
    } catch (thrown) {
      const { code, message, fields } = asTriplineError(thrown);
      throw new TriplineError(code, `${target} did not start, so this process exits: ${message}`, fields, {
        cause: thrown,
      });
    }
  });
  try {
    await Promise.all(starting);
  } catch (error) {
    await Promise.allSettled(starting);
    await close();
    throw error;
  }
  joinReadiness(services);
  return {
    services,
    drain() {
      for (const service of services.values()) service.drain();
    },
    close,
  };
}

/** Adds scoring's readiness to that of decisions, because decisions depends on scoring in this process. */
function joinReadiness(services: ReadonlyMap<Target, RunningService>): void {
  const scoring = services.get("scoring")?.get(Readiness);
  if (scoring === undefined) return;
  services
    .get("decisions")
    ?.get(Readiness)
    .add("scoring", async () => {
      const { status, checks } = await scoring.report();
      const faults = Object.values(checks).filter((check) => check !== "ok");
      if (status !== "ready") throw new TriplineError("scoring-unavailable", faults.join(" "));
    });
}
