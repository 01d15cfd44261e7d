import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Res,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { FastifyReply } from "fastify";
import { notFound } from "../../admin/admin-action.js";
import { REPLY } from "../../admin/grants/answer-request.js";
import type { AuthConfig } from "../../config.js";
import { AUTH_CONFIG } from "../../config.js";
import { readFilter } from "../read-filter.js";
import { readPatch } from "../read-patch.js";
import type { ScimCaller } from "../scim.guard.js";
import { CallerOfScim, ScimGuard, ScimTenant } from "../scim.guard.js";
import { ScimFault } from "../scim-fault.js";
import { USERS_PER_PAGE_MAX } from "../scim-metadata.js";
import type { ScimResource } from "../scim-resource.js";
import { listResponse, pageOf, readBody, readQuery, SCIM_PATH, select } from "../scim-resource.js";
import { ScimUsers } from "./scim-users.js";
import { readUser, readUserPatch } from "./user-changes.js";
import { findUser, listUsers, showUser, USER_FILTERS } from "./user-store.js";

/** Lets the identity provider manage its users (RFC 7644). Deleting one disables the account. */
@OpenTo("the tenant's identity provider")
@Controller("/scim/v2/Users")
@UseGuards(ScimGuard)
@UseInterceptors(TraceInterceptor)
export class ScimUsersController {
  readonly #issuer: string;

  constructor(
    @Inject(ScimUsers) private readonly users: ScimUsers,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(AUTH_CONFIG) { AUTH_ISSUER }: Pick<AuthConfig, "AUTH_ISSUER">,
  ) {
    this.#issuer = AUTH_ISSUER;
  }

  @Get()
  async list(@ScimTenant() tenant: string, @Query() query: unknown): Promise<ScimResource> {
    const wanted = readQuery(query);
    const page = pageOf(wanted, USERS_PER_PAGE_MAX);
    const { users, total } = await listUsers(this.database, tenant, readFilter(wanted.filter, USER_FILTERS), page);
    return listResponse(
      users.map((user) => select(showUser(this.#issuer, user), wanted)),
      total,
      page,
    );
  }

  @Get(":id")
  async find(@ScimTenant() tenant: string, @Param("id") id: string, @Query() query: unknown): Promise<ScimResource> {
    const user = await findUser(this.database, tenant, id);
    if (user === undefined) throw notFound("user");
    return select(showUser(this.#issuer, user), readQuery(query));
  }

  @Post()
  async create(
    @CallerOfScim() caller: ScimCaller,
    @Body() body: unknown,
    @Res(REPLY) reply: FastifyReply,
  ): Promise<ScimResource> {
    const user = await this.users.create(caller, readUser(readBody(body)));
    reply.header("location", `${this.#issuer}${SCIM_PATH}/Users/${user.person_id}`);
    return showUser(this.#issuer, user);
  }

  @Put(":id")
  async replace(
    @CallerOfScim() caller: ScimCaller,
    @Param("id") id: string,
    @Body() body: unknown,
  ): Promise<ScimResource> {
    const changes = readUser(readBody(body));
    if (changes.userName === undefined) throw new ScimFault("invalidValue", "userName is missing.");
    return showUser(this.#issuer, await this.users.change(caller, id, changes));
  }

  @Patch(":id")
  async patch(
    @CallerOfScim() caller: ScimCaller,
    @Param("id") id: string,
    @Body() body: unknown,
  ): Promise<ScimResource> {
    return showUser(this.#issuer, await this.users.change(caller, id, readUserPatch(readPatch(readBody(body)))));
  }

  @Delete(":id")
  @HttpCode(204)
  async remove(@CallerOfScim() caller: ScimCaller, @Param("id") id: string): Promise<void> {
    await this.users.remove(caller, id);
  }
}
