import type { TriplineError } from "@tripline/contracts/error-table";
import { asHttpError, logProblem, PROBLEM_CONTENT_TYPE, problemHeaders, problemOf } from "@tripline/http/problem";
import type { Logger } from "@tripline/telemetry/logger";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { FeastException } from "../requests/refuse-field.js";
import { FieldRefusal } from "../requests/refuse-field.js";

/** Feast's HTTP statuses for callers that are not authenticated or not authorised. */
const NOT_ALLOWED = new Set([401, 403]);

/**
 * Sends an error in the format of Feast's server, so that the SDK raises its own exception: a JSON string that contains
 * the JSON of `FeastError.to_error_detail`. Callers that accept problem details get those.
 */
export function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply, logger: Logger): FastifyReply {
  const error = asHttpError(thrown);
  logProblem(thrown, error, logger);
  reply.status(error.row.httpStatus).headers(problemHeaders(error));
  const problem = problemOf(error);
  if (request.headers.accept?.includes(PROBLEM_CONTENT_TYPE)) return reply.send(JSON.stringify(problem));
  const detail = JSON.stringify({ module: "feast.errors", class: exceptionOf(error), message: problem.detail });
  return reply.header("content-type", "application/json").send(Buffer.from(JSON.stringify(detail)));
}

function exceptionOf(error: TriplineError): FeastException {
  if (error instanceof FieldRefusal) return error.exception;
  return NOT_ALLOWED.has(error.row.httpStatus) ? "FeastPermissionError" : "FeastError";
}
