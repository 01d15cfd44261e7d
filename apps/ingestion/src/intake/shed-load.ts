import { TriplineError } from "@tripline/contracts/error-table";
import { prepareProblem } from "@tripline/http/problem";
import type { ShedLoad } from "@tripline/nest-kit/http/http-server";
import { countRequest } from "@tripline/telemetry/request-durations";
import type { TokenVerifier } from "@tripline/tokens/verify-token";
import type { EventIntake } from "./event-intake.js";

/**
 * Sheds load: rejects requests based on their headers alone, before token and body are read. Rejections use the same
 * event loop as accepted requests. If a rejection cost as much as accepting a payment, almost nothing would be decided
 * at three times the capacity.
 *
 * A tenant whose token was seen before still gets its fair share, even if another tenant floods the service.
 *
 * @param routes the routes that accept events
 */
export function shedLoad(
  intake: EventIntake,
  verifier: Pick<TokenVerifier, "tenantSeen">,
  routes: readonly { readonly path: string; readonly canWait: boolean }[],
): ShedLoad {
  const prepared = {
    "queue-full": prepare("queue-full", "Too many events are being written to Kafka. Try again later."),
    "too-many-requests": prepare(
      "too-many-requests",
      "Too many requests are waiting for decisions. Try again later, or omit the Prefer header.",
    ),
  };
  const canWaitAt = new Map(routes.map(({ path, canWait }) => [path, canWait]));
  return ({ method, url = "", headers }) => {
    if (method !== "POST") return undefined;
    const query = url.indexOf("?");
    const path = query === -1 ? url : url.slice(0, query);
    const canWait = canWaitAt.get(path);
    if (canWait === undefined) return undefined;
    const full = intake.fullFor(canWait && headers.prefer !== undefined, verifier.tenantSeen(headers.authorization));
    if (full === undefined) return undefined;
    countRequest(method, path, prepared[full].status, 0);
    return prepared[full];
  };
}

function prepare(code: "queue-full" | "too-many-requests", detail: string) {
  return prepareProblem(new TriplineError(code, detail));
}
