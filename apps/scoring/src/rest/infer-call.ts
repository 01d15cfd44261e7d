import type { ModelInferRequest } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { requestSpan } from "@tripline/telemetry/span-options";
import { contextFromHeaders } from "@tripline/telemetry/tracing";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { InferCall } from "../inference/answer-inference.js";
import { encodeBody } from "./code-body.js";
import { headerOf, JSON_TYPE } from "./protocol-bodies.js";
import type { RestAnswer } from "./write-infer-body.js";

/** An infer request that arrived over HTTP. */
export function inferCall(request: FastifyRequest, infer: ModelInferRequest): InferCall {
  return {
    request: infer,
    // HTTP has no deadline, except for the request parameter `timeout`.
    deadlineMs: Number.POSITIVE_INFINITY,
    isCancelled: () => request.raw.socket.destroyed,
    parents: [contextFromHeaders(request.headers)],
    span: {
      ...requestSpan("POST", request.routeOptions.url ?? ""),
      ended: (failure) => ({ "http.response.status_code": failure?.httpStatus ?? 200 }),
    },
    isOfStream: false,
  };
}

/** Sends an answer. Compresses it if the caller accepts compression. */
export async function sendAnswer(request: FastifyRequest, reply: FastifyReply, answer: RestAnswer): Promise<void> {
  const { body, coding } = await encodeBody(answer.body, headerOf(request, "accept-encoding"));
  if (answer.headerLength !== undefined) reply.header("inference-header-content-length", answer.headerLength);
  if (coding !== undefined) reply.header("content-encoding", coding);
  await reply.type(answer.headerLength === undefined ? JSON_TYPE : "application/octet-stream").send(body);
}
