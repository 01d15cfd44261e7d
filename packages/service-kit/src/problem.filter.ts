import type { ArgumentsHost, ExceptionFilter } from "@nestjs/common";
import { Catch } from "@nestjs/common";
import type { FastifyReply } from "fastify";
import type { Logger } from "./logger.js";
import { asHttpError, problemHeaders, problemOf } from "./problem.js";

/** Every error of an HTTP call becomes problem+json here, and nowhere else. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const error = asHttpError(thrown);
    if (error.code === "internal") this.logger.error({ err: thrown }, "request failed");
    else if (error.row.httpStatus >= 500) this.logger.warn({ code: error.code }, error.message);
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    void reply
      .status(error.row.httpStatus)
      .headers(problemHeaders(error))
      .send(JSON.stringify(problemOf(error)));
  }
}
