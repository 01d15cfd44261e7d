import type { ArgumentsHost, ExceptionFilter } from "@nestjs/common";
import { Catch } from "@nestjs/common";
import { asHttpError, logProblem, problemHeaders, problemOf } from "@tripline/http/problem";
import type { Logger } from "@tripline/telemetry/logger";
import type { FastifyReply } from "fastify";

/** Converts every error of an HTTP call to problem+json. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    void sendProblem(thrown, host.switchToHttp().getResponse<FastifyReply>(), this.logger);
  }
}

/** For routes outside Nest, which use this as the error handler of their scope. */
export function sendProblem(thrown: unknown, reply: FastifyReply, logger: Logger): FastifyReply {
  const error = asHttpError(thrown);
  logProblem(thrown, error, logger);
  return reply
    .status(error.row.httpStatus)
    .headers(problemHeaders(error))
    .send(JSON.stringify(problemOf(error)));
}
