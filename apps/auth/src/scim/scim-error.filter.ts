import type { ArgumentsHost } from "@nestjs/common";
import { Catch } from "@nestjs/common";
import type { TriplineError } from "@tripline/contracts/error-table";
import { shownDetail } from "@tripline/contracts/error-table";
import { asHttpError, logProblem, problemHeaders } from "@tripline/http/problem";
import { ProblemFilter } from "@tripline/nest-kit/problem.filter";
import type { Logger } from "@tripline/telemetry/logger";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ScimType } from "./scim-fault.js";
import { ScimFault } from "./scim-fault.js";
import { SCIM_PATH, SCIM_TYPE } from "./scim-resource.js";

const ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error";
const BAD_REQUEST = 400;

/** Answers requests to the SCIM API as RFC 7644 section 3.12 requires, and all other requests with problem+json. */
@Catch()
export class ScimErrorFilter extends ProblemFilter {
  constructor(private readonly log: Logger) {
    super(log);
  }

  override catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    if (!http.getRequest<FastifyRequest>().url.startsWith(`${SCIM_PATH}/`)) {
      super.catch(thrown, host);
      return;
    }
    const error = asHttpError(thrown);
    logProblem(thrown, error, this.log);
    const status = error.code === "invalid-field" ? BAD_REQUEST : error.row.httpStatus;
    const scimType = scimTypeOf(error);
    const body = {
      schemas: [ERROR_SCHEMA],
      status: String(status),
      ...(scimType === undefined ? {} : { scimType }),
      detail: shownDetail(error),
    };
    void http
      .getResponse<FastifyReply>()
      .status(status)
      .headers({ ...problemHeaders(error), "content-type": SCIM_TYPE })
      .send(JSON.stringify(body));
  }
}

function scimTypeOf(error: TriplineError): ScimType | undefined {
  if (error instanceof ScimFault) return error.scimType;
  if (error.code === "malformed-json") return "invalidSyntax";
  return error.code === "invalid-field" ? "invalidValue" : undefined;
}
