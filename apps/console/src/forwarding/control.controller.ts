import { All, Controller, Inject, Req, Res, UseGuards, UseInterceptors } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import { Person, RequirePermission, SessionGuard } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";

const PREFIX = "/api/control";
/** A backtest or a long list takes a while. */
const ANSWER_MS_MAX = 30_000;
const ANSWER_BYTES_MAX = 16_777_216;

/** The paths of the control plane that are for people: a first part, and the rest as it writes ids. No escapes. */
const ALLOWED = /^\/v1\/(policy|lists|rollouts|audit)(\/[A-Za-z0-9._:@-]{1,128}){0,4}$/;
const METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "DELETE"]);
/** Of the answer; everything else concerns the two services alone. */
const PASSED_HEADERS = ["content-type", "content-disposition", "retry-after", "location"];

/** The control plane for the page: it checks the person's own token, so nobody may here what they may not there. */
@Controller(PREFIX)
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class ControlForwardingController {
  constructor(@Inject(CONSOLE_CONFIG) private readonly config: ConsoleConfig) {}

  @All("/*")
  @RequirePermission("signed-in")
  async forward(@Person() session: Session, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { pathname, search } = new URL(request.url, this.config.CONSOLE_URL);
    const path = pathname.slice(PREFIX.length);
    const isPlain = request.url.split("?", 1)[0] === pathname && !path.includes("..");
    if (!isPlain || !ALLOWED.test(path) || !METHODS.has(request.method)) {
      throw new TriplineError("not-found", "There is nothing at this address.");
    }
    const answer = await this.#ask(path + search, request, session);
    const body = Buffer.from(await answer.arrayBuffer());
    if (body.length > ANSWER_BYTES_MAX) throw new TriplineError("service-unavailable", "The answer is too long.");
    for (const name of PASSED_HEADERS) {
      const value = answer.headers.get(name);
      if (value !== null) reply.header(name, value);
    }
    await reply.status(statusOf(answer)).send(body.length === 0 ? undefined : body);
  }

  async #ask(path: string, { method, body }: FastifyRequest, session: Session): Promise<Response> {
    const hasBody = body !== undefined && body !== null;
    try {
      return await fetch(this.config.CONTROL_URL.replace(/\/$/, "") + path, {
        method,
        redirect: "error",
        // Nothing of the browser's own headers: they could speak for somebody else.
        headers: {
          authorization: `Bearer ${session.tokens.access}`,
          accept: "application/json",
          ...(hasBody ? { "content-type": "application/json" } : {}),
        },
        ...(hasBody ? { body: JSON.stringify(body) } : {}),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
    } catch (cause) {
      throw new TriplineError("service-unavailable", "The control plane does not answer.", [], { cause });
    }
  }
}

/** If the control plane does not take the token, the session has not ended for that. */
function statusOf({ status }: Response): number {
  return status === 401 ? 502 : status;
}
