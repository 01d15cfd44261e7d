import { TriplineError } from "@tripline/contracts/error-table";
import type { TurnAway } from "@tripline/nest-kit/http/http-server";
import { prepareProblem } from "@tripline/service-kit/http/problem";
import { countRequest } from "@tripline/service-kit/telemetry/request-durations";
import type { EventIntake } from "./event-intake.js";

/**
 * Refuses events for which there is no room, by the head of their request alone: token and body do not matter then. All
 * refusals share one turn of the event loop with the answers that the accepted ones wait for, so that a refusal that costs
 * as much as taking a payment in makes three times the load end in next to no decisions at all.
 *
 * @param paths the addresses that take events in
 */
export function turnAway(intake: EventIntake, paths: readonly string[]): TurnAway {
  const prepared = {
    "queue-full": prepare(
      "queue-full",
      "As many events as are allowed are on their way to Kafka; come again in a moment.",
    ),
    "too-many-requests": prepare(
      "too-many-requests",
      "More requests wait for answers than can be answered soon; come again in a moment, or send without Prefer.",
    ),
  };
  const intakePaths = new Set(paths);
  return ({ method, url = "", headers }) => {
    if (method !== "POST") return undefined;
    const query = url.indexOf("?");
    const path = query === -1 ? url : url.slice(0, query);
    if (!intakePaths.has(path)) return undefined;
    const full = intake.fullFor(headers.prefer !== undefined);
    if (full === undefined) return undefined;
    countRequest(method, path, prepared[full].status, 0);
    return prepared[full];
  };
}

function prepare(code: "queue-full" | "too-many-requests", detail: string) {
  return prepareProblem(new TriplineError(code, detail));
}
