import { Controller, Get, Inject, Req } from "@nestjs/common";
import type { FastifyRequest } from "fastify";
import { OpenTo } from "./open-to.js";

/** An OpenAPI document without its servers. The examples in it may be as old as `nowMs`. */
export type DescribeApi = (nowMs: number) => object;

/** The service's `DescribeApi`. */
export const DESCRIBE_API = Symbol("DESCRIBE_API");

/** Describing takes some 10 ms. The times of examples have to be recent, so that they are accepted. */
const DESCRIBE_EVERY_MS = 60_000;

/** What the API takes and answers; it needs no token. The server is the one that was asked. */
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
