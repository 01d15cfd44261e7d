import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Req,
  Res,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { invalidFields } from "@tripline/http/describe-issues";
import { parseRequest } from "@tripline/http/parse-request";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import type { Managed } from "../requests/managed-tenant.js";
import { managedBy } from "../requests/managed-tenant.js";
import { ListPreview } from "./list-preview.js";
import { ListPublisher } from "./list-publisher.js";
import { entryKey, listName, newEntries, previewed, search } from "./list-requests.js";
import { ListStore } from "./list-store.js";

/** Lists. The parameter `tenant` selects the tenant. A change reaches every decisions instance milliseconds later. */
@Controller("/v1/lists")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class ListsController {
  constructor(
    @Inject(ListStore) private readonly lists: ListStore,
    @Inject(ListPreview) private readonly previews: ListPreview,
    @Inject(ListPublisher) private readonly publisher: ListPublisher,
    @Inject(CONTROL_CONFIG) private readonly config: ControlConfig,
  ) {}

  @Get()
  @RequireScope("lists:read")
  async all(@Req() request: FastifyRequest): Promise<object> {
    return { lists: await this.lists.lists(this.#by(request).tenant) };
  }

  /** Searches all lists. Reading all pages exports them. */
  @Get("entries")
  @RequireScope("lists:read")
  search(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    return this.lists.search(this.#by(request).tenant, parseRequest(search, query));
  }

  /** Shows how many payments some entries would have matched. */
  @Post("preview")
  @HttpCode(200)
  @RequireScope("lists:write")
  preview(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    return this.previews.preview(this.#by(request).tenant, parseRequest(previewed, body).entries);
  }

  /** Responds with 202 if the entries wait for another user. */
  @Post(":list/entries")
  @HttpCode(200)
  @RequireScope("lists:write")
  async put(
    @Req() request: FastifyRequest,
    @Param() path: unknown,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { list } = parseRequest(listName, path);
    const { effect, entries } = parseRequest(newEntries, body);
    const waiting = await this.lists.put(this.#by(request), list, effect, entries);
    if (waiting !== undefined) {
      reply.status(202);
      return { list, entries: 0, waiting };
    }
    await this.publisher.publish();
    return { list, entries: entries.length };
  }

  @Delete(":list/entries")
  @HttpCode(204)
  @RequireScope("lists:write")
  async remove(@Req() request: FastifyRequest, @Param() path: unknown, @Query() query: unknown): Promise<void> {
    await this.lists.remove(this.#by(request), parseRequest(listName, path).list, parseRequest(entryKey, query));
    await this.publisher.publish();
  }

  #by(request: FastifyRequest): Managed {
    const managed = managedBy(request, this.config.OPERATOR_TENANT);
    if (managed.tenant !== "") return managed;
    throw invalidFields([{ pointer: "/tenant", detail: "must be set, because every list belongs to a tenant" }]);
  }
}
