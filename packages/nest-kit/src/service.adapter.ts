import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { asHttpError, prepareProblem } from "@tripline/http/problem";
import type { Logger } from "@tripline/telemetry/logger";
import { countRequests } from "@tripline/telemetry/request-durations";
import type { FastifyInstance } from "fastify";
import { fastify } from "fastify";
import { closeWithin } from "./close-within.js";
import type { HttpServer } from "./http/http-server.js";
import { answerNow } from "./http/http-server.js";
import { refuseOtherMethods } from "./http/refuse-methods.js";
import { sendProblem } from "./problem.filter.js";

export interface RegisteredRoute {
  readonly method: string;
  readonly path: string;
}

/**
 * Fastify on the port of a service. It closes in bounded time. Nest has a separate scope, so that its hooks do not run on
 * the routes that a plugin adds beside it: see docs/adr/0021-intake-routes-are-a-fastify-plugin.md.
 */
export class ServiceAdapter extends FastifyAdapter<Server, IncomingMessage, ServerResponse> {
  private constructor(
    private readonly server: HttpServer,
    private readonly log: Logger,
    /**
     * Where plugins register routes that are beside Nest: no guard, filter or interceptor of Nest is asked there, and the
     * plugin itself counts its requests and answers errors.
     */
    readonly besideNest: FastifyInstance<Server>,
    /** Everything that has been registered. */
    readonly routes: readonly RegisteredRoute[],
    nest: FastifyInstance<Server>,
  ) {
    super(nest);
  }

  static async create(server: HttpServer, log: Logger, bodyLimitBytes: number): Promise<ServiceAdapter> {
    const root = fastify<Server>({
      bodyLimit: bodyLimitBytes,
      forceCloseConnections: "idle",
      routerOptions: { maxParamLength: 128 },
      serverFactory: (handle: RequestListener) => server.create(handle),
      clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => server.onClientError(error, socket),
      // What the router refuses before there is a route, and with it a filter. Fastify's own answer repeats the address.
      frameworkErrors: (thrown: unknown, _request: unknown, reply: { readonly raw: ServerResponse }) =>
        answerNow(reply.raw, prepareProblem(asHttpError(thrown))),
    });
    // Where Nest has no part, as for a body that cannot be parsed beside a plugin that waits for the adapter.
    root.setErrorHandler((thrown, _request, reply) => sendProblem(thrown, reply, log));
    const refuse = refuseOtherMethods(root);
    const routes: RegisteredRoute[] = [];
    root.addHook("onRoute", ({ method, url }) => {
      for (const name of [method].flat()) routes.push({ method: name, path: url });
    });
    // In an array, because an instance of Fastify has a `then`, so a promise would wait for it.
    const scopes: FastifyInstance<Server>[] = [];
    await root.register(async (scope) => void scopes.push(scope));
    const nest = scopes[0] ?? root;
    nest.addHook("onRequest", refuse);
    countRequests(nest);
    return new ServiceAdapter(server, log, root, routes, nest);
  }

  /** Instead of adding what runs Nest's middleware, which nothing here has and which would be on the routes beside Nest. */
  override async init(): Promise<void> {}

  override async close(): Promise<void> {
    this.server.close();
    await closeWithin(this.log, "http", () => super.close());
    // A caller who has not read its answer by now does not get it.
    this.getHttpServer().closeAllConnections();
  }
}
