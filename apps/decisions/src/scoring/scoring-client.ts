import { setTimeout as delay } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import type {
  ModelInferRequest,
  ModelInferResponse,
  ModelMetadataResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";

/** A server's response, or the reason why there is none. `detail` is for the log. */
export type Answer<T> = { readonly value: T } | NoAnswer;

export interface NoAnswer {
  /**
   * `busy`: no request was sent, because too many were in progress. `unreadable`: there was a response, but `detail`, the
   * end of a sentence that begins "scoring responded".
   */
  readonly failure: "late" | "unreachable" | "busy" | "refused" | "unreadable";
  readonly status: string;
  readonly detail: string;
}

/** A `ScoringClient`. */
export const SCORING_CLIENT = Symbol("SCORING_CLIENT");

/** Open Inference Protocol v2, independent of the transport. Never throws. */
export interface ScoringClient {
  /**
   * @param headers trace contexts, by gRPC metadata name
   * @param deadlineMs by `performance.now()`
   */
  infer(
    request: ModelInferRequest,
    headers: Readonly<Record<string, string>>,
    deadlineMs: number,
  ): Promise<Answer<ModelInferResponse>>;
  /** @param deadlineMs by `performance.now()` */
  modelMetadata(name: string, version: string, deadlineMs: number): Promise<Answer<ModelMetadataResponse>>;
  close(): void;
}

/** Errors that a retry cannot fix: the request itself is invalid, or the model does not exist. */
const FINAL: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
]);

const RETRY_MS_MIN = 10;
const RETRY_MS_MAX = 100;

const RETRIED: ReadonlySet<NoAnswer["failure"]> = new Set(["unreachable", "busy"]);

/** While time is left, retries if the server is unreachable or the client is busy. Requests are idempotent. */
export async function requestWithin<T>(
  deadlineMs: number,
  closing: AbortSignal,
  attempt: () => Promise<Answer<T>>,
): Promise<Answer<T>> {
  for (let waitMs = RETRY_MS_MIN; ; waitMs = Math.min(2 * waitMs, RETRY_MS_MAX)) {
    const answer = await attempt();
    if (!("failure" in answer) || !RETRIED.has(answer.failure)) return answer;
    if (performance.now() + waitMs >= deadlineMs) return answer;
    await delay(waitMs);
    // A request to a candidate for which nobody waits must not outlive the service.
    if (closing.aborted) return answer;
  }
}

/** The reason for a missing response, derived from its gRPC status. */
export function noAnswer(code: status, detail: string): NoAnswer {
  return { failure: failureOf(code), status: status[code], detail };
}

function failureOf(code: status): NoAnswer["failure"] {
  if (code === status.DEADLINE_EXCEEDED) return "late";
  return FINAL.has(code) ? "refused" : "unreachable";
}
