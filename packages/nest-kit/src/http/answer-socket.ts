import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { ErrorCode } from "@tripline/contracts/error-table";
import { TriplineError } from "@tripline/contracts/error-table";
import type { PreparedProblem } from "@tripline/http/problem";
import { prepareProblem } from "@tripline/http/problem";

/**
 * Responses to requests that could not be parsed and for which there is therefore no response object. They never echo
 * the request.
 */
export const SOCKET_PROBLEMS = {
  malformed: prepare("malformed-request", "The request is not valid HTTP/1.1."),
  headersTooLarge: prepare("headers-too-large", "The URL and the headers together exceed 16 KiB."),
  bodyTooLarge: prepare("body-too-large", "The chunk extensions of the body are too large."),
  late: prepare("request-timeout", "The request did not arrive in time. Send it again faster."),
  full: prepare("queue-full", "Too many request bodies are arriving; try again in a moment."),
  shuttingDown: prepare("shutting-down", "This instance shut down before the whole request arrived. Send it again."),
} as const;

/** The response for an error of Node's HTTP parser. */
export function parserProblem(code: string | undefined): PreparedProblem {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return SOCKET_PROBLEMS.late;
    case "HPE_HEADER_OVERFLOW":
      return SOCKET_PROBLEMS.headersTooLarge;
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return SOCKET_PROBLEMS.bodyTooLarge;
    default:
      return SOCKET_PROBLEMS.malformed;
  }
}

/** Writes a response directly to the socket and ends the connection. */
export function answerSocket(socket: Socket, problem: PreparedProblem): void {
  const lines = [`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ""}`];
  for (let index = 0; index < problem.headers.length; index += 2) {
    lines.push(`${problem.headers[index]}: ${problem.headers[index + 1]}`);
  }
  lines.push(`date: ${new Date().toUTCString()}`, "connection: close", "", problem.body);
  socket.end(lines.join("\r\n"));
}

function prepare(code: ErrorCode, detail: string): PreparedProblem {
  return prepareProblem(new TriplineError(code, detail));
}
