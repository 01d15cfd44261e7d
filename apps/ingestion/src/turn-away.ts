import type { IncomingMessage } from "node:http";
import { TriplineError } from "@tripline/contracts/error-table";
import type { PreparedProblem } from "@tripline/service-kit/problem";
import { prepareProblem } from "@tripline/service-kit/problem";
import { countRequest } from "@tripline/service-kit/request-durations";
import type { EventIntake } from "./accept-events.js";
import { INTAKE_PATHS } from "./api-routes.js";

/**
 * Refuses events for which there is no room, by the head of their request alone: token and body do not matter then. All
 * refusals share one turn of the event loop with the answers that the accepted ones wait for, so that a refusal that costs
 * as much as taking a payment in makes three times the load end in next to no decisions at all.
 */
export function turnAway(intake: EventIntake): (request: IncomingMessage) => PreparedProblem | undefined {
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
  const paths = new Set<string>(INTAKE_PATHS);
  return ({ method, url = "", headers }) => {
    if (method !== "POST") return undefined;
    const query = url.indexOf("?");
    const path = query === -1 ? url : url.slice(0, query);
    if (!paths.has(path)) return undefined;
    const full = intake.fullFor(headers.prefer !== undefined);
    if (full === undefined) return undefined;
    countRequest(method, path, prepared[full].status, 0);
    return prepared[full];
  };
}

function prepare(code: "queue-full" | "too-many-requests", detail: string): PreparedProblem {
  return prepareProblem(new TriplineError(code, detail));
}
