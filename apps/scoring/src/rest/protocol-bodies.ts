import type { OnModuleInit } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import { TriplineError } from "@tripline/contracts/error-table";
import type { ServiceAdapter } from "@tripline/nest-kit/service.adapter";
import type { FastifyRequest } from "fastify";
import type { z } from "zod";
import type { ScoringConfig } from "../config.js";
import { SCORING_CONFIG } from "../config.js";
import { decodeBody } from "./code-body.js";
import { managedRoutes } from "./managed-routes.js";

/** Maximum size of a request body in bytes, as for a gRPC message. */
const BODY_BYTES_MAX = 16 * 1_024 * 1_024;
export const JSON_TYPE = "application/json";
const PREFIX = "/v2";

/** Configures Fastify for the Open Inference Protocol: requests are bytes, and responses are JSON without a charset. */
@Injectable()
export class ProtocolBodies implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<ServiceAdapter>,
    @Inject(SCORING_CONFIG) private readonly config: ScoringConfig,
  ) {}

  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance();
    fastify.removeAllContentTypeParsers();
    // Clients of this protocol send JSON, or JSON and bytes, with any content type or none.
    fastify.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: BODY_BYTES_MAX }, (_request, body, parsed) =>
      parsed(null, body),
    );
    const isOfProtocol = protocolRequests(this.config);
    fastify.addHook("onSend", (request, reply, payload, done) => {
      // Removes Fastify's charset, because JSON has none (RFC 8259, 11), and KServe's client compares the whole value.
      const isJson = reply.getHeader("content-type")?.toString().startsWith(JSON_TYPE) === true;
      if (isJson && isOfProtocol(request)) reply.header("content-type", JSON_TYPE);
      done(null, payload);
    });
  }
}

/**
 * Returns a function that checks whether a request's path has the protocol's prefix, even if the route is unknown, or
 * belongs to a managed endpoint.
 */
export function protocolRequests(config: ScoringConfig): (request: FastifyRequest) => boolean {
  const { health, predict } = managedRoutes(config);
  const managed = new Set([...health, ...predict]);
  return ({ url }) => {
    const path = url.split("?", 1)[0] ?? "";
    return path === PREFIX || path.startsWith(`${PREFIX}/`) || managed.has(path);
  };
}

/** The bytes of a request, decompressed. @throws the same errors as `decodeBody` */
export async function readBody(request: FastifyRequest): Promise<Buffer> {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  return decodeBody(body, headerOf(request, "content-encoding"), BODY_BYTES_MAX);
}

/** The JSON of a request; an absent body is an empty object. @throws TriplineError `malformed-json`, `invalid-field` */
export async function readJson<S extends z.ZodType>(request: FastifyRequest, schema: S): Promise<z.infer<S>> {
  const text = (await readBody(request)).toString("utf8");
  let value: unknown;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new TriplineError("malformed-json", "The body is not valid JSON.");
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new TriplineError("invalid-field", `The body's ${issue?.path.join(".") || "content"}: ${issue?.message}.`);
}

export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
