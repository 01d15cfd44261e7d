import type { IncomingMessage } from "node:http";
import { countRequests } from "@tripline/telemetry/request-durations";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { OAuthServer } from "./oauth-server.js";

/** The library itself asks for what OAuth wants: a client's credentials, a code, a session. */
export const OAUTH_ROUTES = [
  { method: ["GET"], url: "/oauth/authorize" },
  { method: ["GET"], url: "/oauth/authorize/:uid" },
  { method: ["GET"], url: "/oauth/logout" },
  { method: ["POST"], url: "/oauth/logout/confirm" },
  { method: ["GET"], url: "/oauth/logout/success" },
  { method: ["POST"], url: "/oauth/token" },
  { method: ["GET", "OPTIONS"], url: "/oauth/jwks" },
  { method: ["GET", "OPTIONS"], url: "/.well-known/openid-configuration" },
  { method: ["GET", "OPTIONS"], url: "/.well-known/oauth-authorization-server" },
];

/**
 * Serves the OAuth endpoints of `server`, and no other of its routes, under a Fastify instance. The library reads the
 * request body itself and writes every answer, so within these routes Fastify leaves the body unread and Nest has no part.
 */
export async function mountProvider(fastify: FastifyInstance, server: OAuthServer): Promise<void> {
  const issuer = new URL(server.provider.issuer);
  await fastify.register(async (scope) => {
    countRequests(scope);
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
    for (const route of OAUTH_ROUTES) {
      scope.route({
        ...route,
        handler: (request: FastifyRequest, reply: FastifyReply) => {
          reply.hijack();
          stateOrigin(request.raw, issuer);
          server.answer(request.raw, reply.raw);
        },
      });
    }
  });
}

/**
 * The library builds URLs, among them the audiences it takes in client assertions, from the request. They have to be
 * the issuer's: under a `Host` of the caller's choice an assertion made for another server would be taken here.
 */
function stateOrigin(request: IncomingMessage, issuer: URL): void {
  request.headers["x-forwarded-proto"] = issuer.protocol.slice(0, -1);
  request.headers["x-forwarded-host"] = issuer.host;
  request.headers.host = issuer.host;
}
