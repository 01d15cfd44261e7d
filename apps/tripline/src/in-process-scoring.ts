import { status } from "@grpc/grpc-js";
import { asTriplineError } from "@tripline/contracts/error-table";
import type {
  ModelInferRequest,
  ModelInferResponse,
  ModelMetadataResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { HEADERS, INFERENCE_METADATA } from "@tripline/contracts/headers";
import type { Answer, ScoringClient } from "@tripline/decisions/scoring/scoring-client";
import { noAnswer, requestWithin } from "@tripline/decisions/scoring/scoring-client";
import { INFER_SPAN } from "@tripline/scoring/grpc/inference-service";
import type { InferenceServer } from "@tripline/scoring/inference/inference-server";
import { contextsFromHeaders } from "@tripline/scoring/inference/trace-inference";
import { logFailure } from "@tripline/scoring/log-failure";
import type { Logger } from "@tripline/telemetry/logger";

const INFER = "ModelInfer";
const METADATA = "ModelMetadata";

export type Server = Pick<InferenceServer, "infer" | "modelMetadata">;

/**
 * Calls the scoring service in this process directly instead of through gRPC, with the same models, checks, limits and
 * errors. Both sides share the request and response objects, which neither modifies.
 */
export class InProcessScoring implements ScoringClient {
  readonly #closing = new AbortController();

  /** @param server returns undefined while scoring is starting, because parts start concurrently */
  constructor(
    private readonly server: () => Server | undefined,
    private readonly logger: Logger,
  ) {}

  infer(
    request: ModelInferRequest,
    headers: Readonly<Record<string, string>>,
    deadlineMs: number,
  ): Promise<Answer<ModelInferResponse>> {
    return requestWithin(deadlineMs, this.#closing.signal, () =>
      this.#attempt(INFER, deadlineMs, (server, isLate) =>
        server.infer({
          request,
          deadlineMs: Date.now() + leftMs(deadlineMs),
          isCancelled: isLate,
          parents: contextsFromHeaders(headers[HEADERS.traceparent], headers[INFERENCE_METADATA.traceparents]),
          // The same span as over gRPC, so that traces do not depend on the topology.
          span: INFER_SPAN,
          isOfStream: false,
        }),
      ),
    );
  }

  modelMetadata(name: string, version: string, deadlineMs: number): Promise<Answer<ModelMetadataResponse>> {
    return requestWithin(deadlineMs, this.#closing.signal, () =>
      this.#attempt(METADATA, deadlineMs, (server) => server.modelMetadata(name, version)),
    );
  }

  /** Does not close the scoring service, because whoever started it also closes it. */
  close(): void {
    this.#closing.abort();
  }

  #attempt<T>(method: string, deadlineMs: number, ask: Ask<T>): Promise<Answer<T>> {
    return new Promise((resolve) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        resolve(noAnswer(status.DEADLINE_EXCEEDED, "the deadline has passed"));
      }, leftMs(deadlineMs));
      void this.#answer(method, (server) => ask(server, () => isLate)).then((answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }

  async #answer<T>(method: string, ask: (server: Server) => T | Promise<T>): Promise<Answer<T>> {
    const server = this.server();
    if (server === undefined) return noAnswer(status.UNAVAILABLE, "scoring is still starting");
    try {
      return { value: await ask(server) };
    } catch (thrown) {
      const error = asTriplineError(thrown);
      logFailure(thrown, error, method, this.logger);
      return noAnswer(error.row.grpcStatus, error.message);
    }
  }
}

/** @param isLate whether the deadline has passed */
type Ask<T> = (server: Server, isLate: () => boolean) => T | Promise<T>;

function leftMs(deadlineMs: number): number {
  return Math.max(0, deadlineMs - performance.now());
}
