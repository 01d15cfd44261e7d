import { All, Controller, Inject, Req, Res, UseGuards, UseInterceptors } from "@nestjs/common";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import { Person, RequirePermission, SessionGuard } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import type { Neighbour } from "./forward-request.js";
import { forwardRequest } from "./forward-request.js";

/** Forwards the page's requests to the control plane and auth, which check the token and record changes. */
@Controller()
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
@RequirePermission("signed-in")
export class ForwardingController {
  readonly #control: Neighbour;
  readonly #auth: Neighbour;

  constructor(@Inject(CONSOLE_CONFIG) { CONTROL_URL, AUTH_TOKEN_URL }: ConsoleConfig) {
    this.#control = {
      name: "The control plane",
      url: CONTROL_URL,
      prefix: "/api/control",
      allowed:
        /^\/v1\/(policy|approvals|lists|models|rollouts|webhooks|audit|dead-letters|erasures|jobs)(\/[A-Za-z0-9._:@-]{1,128}){0,4}$/,
    };
    this.#auth = {
      name: "The authorization server",
      url: new URL(AUTH_TOKEN_URL).origin,
      prefix: "/api/auth",
      // The longest names are those of identity providers' users, such as `acme:carla@acme.example`.
      allowed: /^\/v1\/(identity-provider|(people|clients|grants)(\/[A-Za-z0-9._:@+-]{1,132}(\/[a-z-]{1,32})?)?)$/,
    };
  }

  @All("/api/control/*")
  control(@Person() session: Session, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return forwardRequest(this.#control, session, request, reply);
  }

  @All("/api/auth/*")
  auth(@Person() session: Session, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return forwardRequest(this.#auth, session, request, reply);
  }
}
