import { Controller, Get, Inject, Req } from "@nestjs/common";
import type { FastifyRequest } from "fastify";
import { OpenTo } from "./open-to.js";

/** An OpenAPI document without servers. Its examples may be dated at `nowMs`. */
export type DescribeApi = (nowMs: number) => object;

/** The service's `DescribeApi`. */
export const DESCRIBE_API = Symbol("DESCRIBE_API");

/**
 * Generating the document takes about 10 ms. It is not cached for long, because the times in its examples must be
 * recent enough to be accepted.
 */
const DESCRIBE_EVERY_MS = 60_000;

/** The API's description, for which no token is needed. The server in it is the one that received the request. */
@OpenTo("anyone")
@Controller()
export class OpenApiController {
  #described: object | undefined;
  #describedAtMs = 0;

  constructor(@Inject(DESCRIBE_API) private readonly describeApi: DescribeApi) {}

  @Get("/openapi.json")
  describe(@Req() request: FastifyRequest): object {
    const now = Date.now();
    if (this.#described === undefined || now - this.#describedAtMs >= DESCRIBE_EVERY_MS) {
      this.#described = this.describeApi(now);
      this.#describedAtMs = now;
    }
    return { ...this.#described, servers: [{ url: `${request.protocol}://${request.host}` }] };
  }
}
