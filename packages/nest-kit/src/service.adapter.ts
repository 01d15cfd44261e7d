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
 * Fastify on the port of a service, with a bounded shutdown time. Nest has a separate scope, so that its hooks do not
 * run on a plugin's routes outside Nest; see docs/adr/0021-intake-routes-are-a-fastify-plugin.md.
 */
export class ServiceAdapter extends FastifyAdapter<Server, IncomingMessage, ServerResponse> {
  private constructor(
    private readonly server: HttpServer,
    private readonly log: Logger,
    /**
     * Scope for plugin routes outside Nest: Nest's guards, filters and interceptors do not run there, and the plugin
     * itself counts requests and answers errors.
     */
    readonly besideNest: FastifyInstance<Server>,
    /** All registered routes. */
    readonly routes: readonly RegisteredRoute[],
    nest: FastifyInstance<Server>,
  ) {
    super(nest);
  }

  static async create(server: HttpServer, log: Logger, bodyLimitBytes: number): Promise<ServiceAdapter> {
    const root = fastify<Server>({
      bodyLimit: bodyLimitBytes,
      forceCloseConnections: "idle",
      // Names of users from identity providers have up to 132 characters, 66 of which may be escaped.
      routerOptions: { maxParamLength: 264 },
      serverFactory: (handle: RequestListener) => server.create(handle),
      clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => server.onClientError(error, socket),
      // For requests that the router rejects before it has found a route, and thus an exception filter. Fastify's own
      // response would echo the path.
      frameworkErrors: (thrown: unknown, _request: unknown, reply: { readonly raw: ServerResponse }) =>
        answerNow(reply.raw, prepareProblem(asHttpError(thrown))),
    });
    // For errors outside Nest, such as an unparsable body while a plugin waits for the adapter.
    root.setErrorHandler((thrown, _request, reply) => sendProblem(thrown, reply, log));
    const refuse = refuseOtherMethods(root);
    const routes: RegisteredRoute[] = [];
    root.addHook("onRoute", ({ method, url }) => {
      for (const name of [method].flat()) routes.push({ method: name, path: url });
    });
    // Kept in an array, because a Fastify instance has a `then` method, so a promise that returned the instance would
    // await it.
    const scopes: FastifyInstance<Server>[] = [];
    await root.register(async (scope) => void scopes.push(scope));
    const nest = scopes[0] ?? root;
    nest.addHook("onRequest", refuse);
    countRequests(nest);
    return new ServiceAdapter(server, log, root, routes, nest);
  }

  /**
   * The default would add Nest's middleware engine, which nothing uses and which would also run on the routes outside
   * Nest.
   */
  override async init(): Promise<void> {}

  override async close(): Promise<void> {
    this.server.close();
    await closeWithin(this.log, "http", () => super.close());
    // Clients that have not read their response by now will lose it.
    this.getHttpServer().closeAllConnections();
  }
}
