import type { ArgumentsHost, ExceptionFilter } from "@nestjs/common";
import { Catch } from "@nestjs/common";
import type { Logger } from "@tripline/service-kit/logger";
import { asHttpError, logProblem, problemHeaders, problemOf } from "@tripline/service-kit/problem";
import type { FastifyReply } from "fastify";

/** Every error of an HTTP call becomes problem+json here, and nowhere else. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const error = asHttpError(thrown);
    logProblem(thrown, error, this.logger);
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    void reply
      .status(error.row.httpStatus)
      .headers(problemHeaders(error))
      .send(JSON.stringify(problemOf(error)));
  }
}
