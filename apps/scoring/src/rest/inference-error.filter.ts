import type { ArgumentsHost } from "@nestjs/common";
import { Catch } from "@nestjs/common";
import type { ErrorRow } from "@tripline/contracts/error-table";
import { shownDetail } from "@tripline/contracts/error-table";
import { asHttpError } from "@tripline/http/problem";
import { ProblemFilter } from "@tripline/nest-kit/problem.filter";
import type { Logger } from "@tripline/telemetry/logger";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ScoringConfig } from "../config.js";
import { logFailure } from "../log-failure.js";
import { JSON_TYPE, protocolRequests } from "./protocol-bodies.js";

/** On the paths of the Open Inference Protocol and of managed endpoints, sends errors in its format, with Tripline's code added. */
@Catch()
export class InferenceErrorFilter extends ProblemFilter {
  readonly #isOfProtocol: (request: FastifyRequest) => boolean;

  constructor(
    private readonly log: Logger,
    config: ScoringConfig,
  ) {
    super(log);
    this.#isOfProtocol = protocolRequests(config);
  }

  override catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    if (!this.#isOfProtocol(request)) {
      super.catch(thrown, host);
      return;
    }
    const error = asHttpError(thrown);
    logFailure(thrown, error, request.routeOptions.url ?? "", this.log);
    const { httpStatus, retryAfterSeconds }: ErrorRow = error.row;
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (retryAfterSeconds !== undefined) reply.header("retry-after", retryAfterSeconds);
    void reply
      .status(httpStatus)
      .type(JSON_TYPE)
      .send({ error: shownDetail(error), code: error.code });
  }
}
