import type { RequestListener, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import type { Logger } from "@tripline/service-kit/logger";
import { asHttpError, prepareProblem } from "@tripline/service-kit/problem";
import { countRequests } from "@tripline/service-kit/request-durations";
import { closeWithin } from "./close-within.js";
import type { HttpServer } from "./http/http-server.js";
import { answerNow } from "./http/http-server.js";
import { refuseOtherMethods } from "./http/refuse-methods.js";

/** Fastify on the port of a service. It ends in bounded time. */
export class ServiceAdapter extends FastifyAdapter<Server> {
  constructor(
    private readonly server: HttpServer,
    private readonly log: Logger,
    bodyLimitBytes: number,
  ) {
    super({
      bodyLimit: bodyLimitBytes,
      forceCloseConnections: "idle",
      routerOptions: { maxParamLength: 128 },
      serverFactory: (handle: RequestListener) => server.create(handle),
      clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => server.onClientError(error, socket),
      // What the router refuses before there is a route, and with it a filter. Fastify's own answer repeats the address.
      frameworkErrors: (thrown: unknown, _request: unknown, reply: { readonly raw: ServerResponse }) =>
        answerNow(reply.raw, prepareProblem(asHttpError(thrown))),
    });
    refuseOtherMethods(this.getInstance());
    countRequests(this.getInstance());
  }

  override async close(): Promise<void> {
    this.server.close();
    await closeWithin(this.log, "http", () => super.close());
    // A caller who has not read its answer by now does not get it.
    this.getHttpServer().closeAllConnections();
  }
}
