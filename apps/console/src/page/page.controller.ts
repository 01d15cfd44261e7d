import { randomBytes } from "node:crypto";
import { Controller, Get, Inject, Req, Res } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import { TriplineError } from "@tripline/contracts/error-table";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { methodNotAllowed, methodsOf } from "@tripline/nest-kit/http/refuse-methods";
import type { ServiceAdapter } from "@tripline/nest-kit/service.adapter";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { PageFile } from "./page-files.js";
import { securityHeaders } from "./security-headers.js";

/** The page's files by path. */
export const PAGE_FILES = Symbol("PAGE_FILES");

const INDEX = "/index.html";
/** Placeholder in index.html for the nonce of the style policy. */
const NONCE_MARK = "__CSP_NONCE__";
const NONCE_BYTES = 16;
const YEAR_S = 31_536_000;

const NOT_BUILT =
  "The console's page has not been built. Run `npm run build`, or `npx vite build` in apps/console/web.";

/** Serves the page: its files, and index.html for all paths of the page's own router. */
@OpenTo("anyone")
@Controller()
export class PageController {
  constructor(
    @Inject(PAGE_FILES) private readonly files: ReadonlyMap<string, PageFile>,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<ServiceAdapter>,
  ) {}

  @Get("/*")
  async page(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const [path = "/"] = request.url.split("?", 1);
    const file = path === INDEX ? undefined : this.files.get(path);
    if (file !== undefined) return this.#send(request, reply, file);
    // Paths that look like files, or are not for browsers, do not belong to the page.
    if (/^\/(api|session|health|assets|v\d+|oauth|\.well-known)(\/|$)|\.[a-z0-9]+$/i.test(path) && path !== INDEX) {
      const routes = this.host.httpAdapter.routes.map(({ path: pattern, method }) => [pattern, [method]] as const);
      const methods = methodsOf(routes, path);
      if (methods.length === 0) throw new TriplineError("not-found", "Not found.");
      // If a parameter is too long, the router skips its route and calls this one.
      if (methods.includes("GET"))
        throw new TriplineError("address-too-long", "A segment of the URL is longer than any valid ID.");
      reply.header("allow", methods.join(", "));
      throw methodNotAllowed(methods);
    }
    const index = this.files.get(INDEX);
    if (index === undefined) {
      await reply.status(503).headers(securityHeaders("")).type("text/plain; charset=utf-8").send(`${NOT_BUILT}\n`);
      return;
    }
    const nonce = randomBytes(NONCE_BYTES).toString("base64");
    await reply
      .headers({ ...securityHeaders(nonce), "cache-control": "no-store" })
      .type(index.type)
      .send(index.body.toString().replaceAll(NONCE_MARK, nonce));
  }

  async #send(request: FastifyRequest, reply: FastifyReply, file: PageFile): Promise<void> {
    const accepted = String(request.headers["accept-encoding"] ?? "");
    const coding = (["br", "gzip"] as const).find((name) => accepted.includes(name) && file.coded[name] !== undefined);
    reply.headers({
      ...securityHeaders(""),
      "cache-control": file.isImmutable ? `public, max-age=${YEAR_S}, immutable` : "no-cache",
      vary: "accept-encoding",
      ...(coding === undefined ? {} : { "content-encoding": coding }),
    });
    await reply.type(file.type).send(coding === undefined ? file.body : file.coded[coding]);
  }
}
