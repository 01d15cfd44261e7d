import { TriplineError } from "@tripline/contracts/error-table";
import { traceRequest } from "@tripline/http/trace-request";
import type { Logger } from "@tripline/telemetry/logger";
import { countRequests } from "@tripline/telemetry/request-durations";
import { requestSpan } from "@tripline/telemetry/span-options";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Lookups } from "./compile-lookup.js";
import type { FeatureReader } from "./feature-reader.js";
import type { FeatureViews } from "./feature-views.js";
import type { ProfileStore } from "./profiles/profile-store.js";
import type { IdentifyCaller, OnlineScope } from "./requests/identify-caller.js";
import { BODY_BYTES_MAX } from "./requests/limits.js";
import { parseOnlineRequest } from "./requests/parse-online-request.js";
import { parsePush, parseWrite } from "./requests/parse-push.js";
import { renderResponse } from "./responses/render-response.js";
import { sendError } from "./responses/send-error.js";

export interface OnlineOptions {
  readonly views: FeatureViews;
  readonly reader: FeatureReader;
  readonly profiles: ProfileStore;
  readonly identify: IdentifyCaller;
  readonly logger: Logger;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the guard of each route that serves features. */
    tenant: string;
  }
}

const JSON_TYPE = "application/json";

/** Dependencies of the routes. */
export const ONLINE_ROUTES = {
  "/get-online-features": "features:read",
  "/push": "features:write",
  "/write-to-online-store": "features:write",
} as const satisfies Record<string, OnlineScope>;

type Handler = (body: Buffer, tenant: string) => Promise<string>;

/**
 * The part of the HTTP interface of Feast's feature server that reads and writes features, so that Feast's SDK and
 * other clients work with this service. Plain Fastify handlers read the body as bytes after authenticating the caller.
 */
export async function registerOnline(fastify: FastifyInstance, options: OnlineOptions): Promise<void> {
  const { views, reader, profiles, identify, logger } = options;
  const lookups = new Lookups(views);
  await fastify.register(async (scope) => {
    countRequests(scope);
    scope.decorateRequest("tenant", "");
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(JSON_TYPE, { parseAs: "buffer", bodyLimit: BODY_BYTES_MAX }, (_request, body, done) =>
      done(null, body),
    );
    scope.setErrorHandler((thrown, request, reply) => sendError(thrown, request, reply, logger));
    const route = (url: keyof typeof ONLINE_ROUTES, handler: Handler) => {
      scope.post(url, { onRequest: guard(identify, ONLINE_ROUTES[url]) }, traced(requestSpan("POST", url), handler));
    };
    route("/get-online-features", async (body, tenant) => {
      const request = parseOnlineRequest(body, views.joinKeys);
      const lookup = lookups.of(request.selection);
      return renderResponse(lookup, request.ids, request.rows, await reader.read(tenant, lookup, request));
    });
    route("/push", async (body, tenant) => {
      await profiles.write(tenant, parsePush(body, views));
      return "";
    });
    route("/write-to-online-store", async (body, tenant) => {
      await profiles.write(tenant, parseWrite(body, views));
      return "null";
    });
  });
}

/** Authenticates the caller, then checks the content type, before a byte of the body is read. */
function guard(identify: IdentifyCaller, permission: OnlineScope) {
  return async (request: FastifyRequest): Promise<void> => {
    request.tenant = await identify(request.headers.authorization, permission);
    const [sent = ""] = (request.headers["content-type"] ?? "").split(";", 1);
    if (sent.trim().toLowerCase() !== JSON_TYPE) {
      throw new TriplineError("unsupported-media-type", `Send the body as ${JSON_TYPE}.`);
    }
    const encoding = request.headers["content-encoding"] ?? "identity";
    if (encoding.toLowerCase() !== "identity") {
      throw new TriplineError("unsupported-media-type", "Send the body without a content encoding.");
    }
  };
}

/** Runs a handler in its HTTP server span, returns the trace id to the client and sends the handler's result. */
function traced(settings: ReturnType<typeof requestSpan>, handler: Handler) {
  return (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    return traceRequest(settings, request, reply, async () => {
      // A request without a body never reaches the parser.
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const answer = await handler(body, request.tenant);
      if (answer === "") return reply.send();
      // Sent as bytes, because Fastify would add a charset to a string, and JSON has none (RFC 8259 section 11).
      return reply.header("content-type", JSON_TYPE).send(Buffer.from(answer));
    });
  };
}
