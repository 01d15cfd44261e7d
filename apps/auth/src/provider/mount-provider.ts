import type { IncomingMessage } from "node:http";
import { countRequests } from "@tripline/telemetry/request-durations";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { OAuthServer } from "./oauth-server.js";

/** The library itself checks client credentials, codes and sessions on these routes. */
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
 * Serves the OAuth endpoints of `server`, and none of its other routes, under a Fastify instance. The library reads the
 * request body and writes the response, so on these routes Fastify does not parse the body and Nest is not involved.
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
 * The library builds URLs from the request, including the accepted audiences of client assertions. They must be URLs of
 * the issuer; otherwise, a caller could choose a `Host` header with which this server would accept an assertion for
 * another server.
 */
function stateOrigin(request: IncomingMessage, issuer: URL): void {
  request.headers["x-forwarded-proto"] = issuer.protocol.slice(0, -1);
  request.headers["x-forwarded-host"] = issuer.host;
  request.headers.host = issuer.host;
}
