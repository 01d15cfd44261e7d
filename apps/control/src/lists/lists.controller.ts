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
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { describeIssues } from "@tripline/service-kit/http/describe-issues";
import type { FastifyRequest } from "fastify";
import type { z } from "zod";
import { ListPublisher } from "./list-publisher.js";
import { entryKey, listName, newEntries, search } from "./list-requests.js";
import type { ListAuthor } from "./list-store.js";
import { ListStore } from "./list-store.js";

/** Lists of the caller's tenant. A change is in the memory of every instance of decisions some milliseconds after its answer. */
@Controller("/v1/lists")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class ListsController {
  constructor(
    @Inject(ListStore) private readonly lists: ListStore,
    @Inject(ListPublisher) private readonly publisher: ListPublisher,
  ) {}

  @Get()
  @RequireScope("lists:read")
  async all(@Req() request: FastifyRequest): Promise<object> {
    return { lists: await this.lists.lists(authorOf(request).tenant) };
  }

  /** Searches all lists; page by page it exports them. */
  @Get("entries")
  @RequireScope("lists:read")
  search(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    return this.lists.search(authorOf(request).tenant, parse(search, query));
  }

  @Post(":list/entries")
  @HttpCode(200)
  @RequireScope("lists:write")
  async put(@Req() request: FastifyRequest, @Param() path: unknown, @Body() body: unknown): Promise<object> {
    const { list } = parse(listName, path);
    const { effect, entries } = parse(newEntries, body);
    await this.lists.put(authorOf(request), list, effect, entries);
    await this.publisher.publish();
    return { list, entries: entries.length };
  }

  @Delete(":list/entries")
  @HttpCode(204)
  @RequireScope("lists:write")
  async remove(@Req() request: FastifyRequest, @Param() path: unknown, @Query() query: unknown): Promise<void> {
    await this.lists.remove(authorOf(request), parse(listName, path).list, parse(entryKey, query));
    await this.publisher.publish();
  }
}

function authorOf({ caller }: FastifyRequest): ListAuthor {
  if (caller === undefined) throw new TriplineError("internal", "A route has no guard.");
  return { tenant: caller.tenant, actor: caller.subject };
}

/** @throws TriplineError `invalid-field` that names each wrong field */
function parse<S extends z.ZodType>(schema: S, given: unknown): z.infer<S> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw describeIssues(result.error.issues, given);
}
