import type { Context } from "@opentelemetry/api";
import type { ErrorRow } from "@tripline/contracts/error-table";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Logger } from "@tripline/service-kit/logger";
import { asHttpError } from "@tripline/service-kit/problem";
import { requestSpan } from "@tripline/service-kit/span-options";
import { contextFromHeaders } from "@tripline/service-kit/tracing";
import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { InferenceServer } from "../inference-server.js";
import { decodeBody, encodeBody } from "./code-body.js";
import { configJson, messageJson } from "./describe-json.js";
import { readInferBody } from "./read-infer-body.js";
import { writeInferBody } from "./write-infer-body.js";

/** Largest body of a request, in bytes: that of a gRPC message. */
const BODY_BYTES_MAX = 16 * 1_024 * 1_024;
const JSON_TYPE = "application/json";

interface ModelParams {
  name: string;
  version?: string;
}

type ModelRequest = FastifyRequest<{ Params: ModelParams }>;

/** The Open Inference Protocol over HTTP and JSON, with Triton's extensions, below the prefix that it is given. */
export function inferenceRoutes(server: InferenceServer, logger: Logger): FastifyPluginCallback {
  return (scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    // Clients of this protocol send JSON, or JSON and bytes, under any content type or none.
    scope.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: BODY_BYTES_MAX }, (_request, body, parsed) =>
      parsed(null, body),
    );
    scope.addHook("onSend", async (_request, reply) => {
      // Fastify adds a charset, which JSON has no parameter for (RFC 8259 section 11); KServe's client compares the whole.
      if (reply.getHeader("content-type")?.toString().startsWith(JSON_TYPE)) reply.header("content-type", JSON_TYPE);
    });
    scope.setErrorHandler((thrown, _request, reply) => sendError(thrown, reply, logger));
    scope.setNotFoundHandler((_request, reply) =>
      sendError(new TriplineError("not-found", "There is nothing at this address of the protocol."), reply, logger),
    );
    addServerRoutes(scope, server);
    addModelRoutes(scope, server);
    addRepositoryRoutes(scope, server);
    done();
  };
}

function addServerRoutes(scope: FastifyInstance, server: InferenceServer): void {
  scope.get("/", () => server.metadata());
  scope.get("/health/live", () => ({ live: true }));
  scope.get("/health/ready", (_request, reply) => {
    const ready = server.isReady();
    return reply.status(ready ? 200 : 503).send({ ready });
  });
  scope.get("/models/stats", () => ({ model_stats: messageJson(server.statistics("", "")) }));
}

function addModelRoutes(scope: FastifyInstance, server: InferenceServer): void {
  for (const path of ["/models/:name", "/models/:name/versions/:version"]) {
    scope.get(path, ({ params }: ModelRequest) => server.modelMetadata(params.name, params.version ?? ""));
    scope.get(`${path}/config`, ({ params }: ModelRequest) =>
      configJson(server.modelConfig(params.name, params.version ?? "")),
    );
    scope.get(`${path}/stats`, ({ params }: ModelRequest) => ({
      model_stats: messageJson(server.statistics(params.name, params.version ?? "")),
    }));
    scope.get(`${path}/ready`, ({ params }: ModelRequest, reply) => {
      const { name, version = "" } = params;
      if (server.isModelReady(name, version)) return reply.send({ name, ready: true });
      // Says why: it is not known, not loaded, or broken.
      server.modelMetadata(name, version);
      throw new TriplineError("scoring-unavailable", `Model ${name} is not ready.`);
    });
    scope.post(`${path}/infer`, (request: ModelRequest, reply) => infer(request, reply, server));
  }
}

async function infer(request: ModelRequest, reply: FastifyReply, server: InferenceServer): Promise<FastifyReply> {
  const { name, version = "" } = request.params;
  const body = await bodyOf(request);
  const { request: inferRequest, isBinaryOutput } = readInferBody(
    body,
    headerOf(request, "inference-header-content-length"),
    name,
    version,
  );
  const response = await server.infer({
    request: inferRequest,
    // HTTP has no deadline of its own; the request parameter `timeout` is one.
    deadlineMs: Number.POSITIVE_INFINITY,
    isCancelled: () => request.raw.socket.destroyed,
    parents: [parentOf(request)],
    span: {
      ...requestSpan("POST", request.routeOptions.url ?? ""),
      ended: (failure) => ({ "http.response.status_code": failure?.httpStatus ?? 200 }),
    },
    isOfStream: false,
  });
  const answer = writeInferBody(response, isBinaryOutput);
  const { body: encoded, coding } = await encodeBody(answer.body, headerOf(request, "accept-encoding"));
  if (answer.headerLength !== undefined) reply.header("inference-header-content-length", answer.headerLength);
  if (coding !== undefined) reply.header("content-encoding", coding);
  const type = answer.headerLength === undefined ? JSON_TYPE : "application/octet-stream";
  return reply.type(type).send(encoded);
}

const indexBody = z.object({ ready: z.boolean().default(false) });
const controlBody = z.object({ parameters: z.record(z.string(), z.unknown()).default({}) });

function addRepositoryRoutes(scope: FastifyInstance, server: InferenceServer): void {
  const index = async (request: FastifyRequest<{ Params: { repository?: string } }>) => {
    const { ready } = await jsonOf(request, indexBody);
    return messageJson(await server.index(request.params.repository ?? "", ready));
  };
  scope.post("/repository/index", index);
  scope.post("/repository/:repository/index", index);
  for (const path of ["/repository/models/:name", "/repository/:repository/models/:name"]) {
    type ControlRequest = FastifyRequest<{ Params: { repository?: string; name: string } }>;
    scope.post(`${path}/load`, async (request: ControlRequest) => {
      const { parameters } = await jsonOf(request, controlBody);
      await server.load(request.params.repository ?? "", request.params.name, Object.keys(parameters));
      return {};
    });
    scope.post(`${path}/unload`, async (request: ControlRequest) => {
      await jsonOf(request, controlBody);
      await server.unload(request.params.repository ?? "", request.params.name);
      return {};
    });
  }
}

async function bodyOf(request: FastifyRequest): Promise<Buffer> {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  return decodeBody(body, headerOf(request, "content-encoding"), BODY_BYTES_MAX);
}

/** The JSON of a request; an absent body is an empty object. */
async function jsonOf<S extends z.ZodType>(request: FastifyRequest, schema: S): Promise<z.infer<S>> {
  const text = (await bodyOf(request)).toString("utf8");
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

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function parentOf(request: FastifyRequest): Context {
  const traceparent = headerOf(request, "traceparent");
  return contextFromHeaders(traceparent === undefined ? {} : { traceparent });
}

/** Errors in the protocol's form, with Tripline's code beside the sentence. */
function sendError(thrown: unknown, reply: FastifyReply, logger: Logger): FastifyReply {
  const error = asHttpError(thrown);
  if (error.code === "internal") logger.error({ err: thrown }, error.message);
  const { httpStatus, retryAfterSeconds }: ErrorRow = error.row;
  if (retryAfterSeconds !== undefined) reply.header("retry-after", retryAfterSeconds);
  return reply.status(httpStatus).type(JSON_TYPE).send({ error: error.message, code: error.code });
}
