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
import { GROUPS_PER_PAGE_MAX } from "../scim-metadata.js";
import type { ScimResource } from "../scim-resource.js";
import { listResponse, pageOf, readBody, readQuery, SCIM_PATH, select } from "../scim-resource.js";
import { readGroup, readGroupPatch } from "./group-changes.js";
import { findGroup, GROUP_FILTERS, listGroups, showGroup } from "./group-store.js";
import { ScimGroups } from "./scim-groups.js";

/** Lets the identity provider manage its groups. Members get the roles to which their groups are mapped. */
@OpenTo("the tenant's identity provider")
@Controller("/scim/v2/Groups")
@UseGuards(ScimGuard)
@UseInterceptors(TraceInterceptor)
export class ScimGroupsController {
  readonly #issuer: string;

  constructor(
    @Inject(ScimGroups) private readonly groups: ScimGroups,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(AUTH_CONFIG) { AUTH_ISSUER }: Pick<AuthConfig, "AUTH_ISSUER">,
  ) {
    this.#issuer = AUTH_ISSUER;
  }

  @Get()
  async list(@ScimTenant() tenant: string, @Query() query: unknown): Promise<ScimResource> {
    const wanted = readQuery(query);
    const page = pageOf(wanted, GROUPS_PER_PAGE_MAX);
    const filter = readFilter(wanted.filter, GROUP_FILTERS);
    const hasMembers = wanted.excludedAttributes?.includes("members") !== true;
    const { groups, total } = await listGroups(this.database, tenant, filter, page, hasMembers);
    return listResponse(
      groups.map((group) => select(showGroup(this.#issuer, group), wanted)),
      total,
      page,
    );
  }

  @Get(":id")
  async find(@ScimTenant() tenant: string, @Param("id") id: string, @Query() query: unknown): Promise<ScimResource> {
    const group = await findGroup(this.database, tenant, id);
    if (group === undefined) throw notFound("group");
    return select(showGroup(this.#issuer, group), readQuery(query));
  }

  @Post()
  async create(
    @CallerOfScim() caller: ScimCaller,
    @Body() body: unknown,
    @Res(REPLY) reply: FastifyReply,
  ): Promise<ScimResource> {
    const group = await this.groups.create(caller, readGroup(readBody(body)));
    reply.header("location", `${this.#issuer}${SCIM_PATH}/Groups/${group.group_id}`);
    return showGroup(this.#issuer, group);
  }

  @Put(":id")
  async replace(
    @CallerOfScim() caller: ScimCaller,
    @Param("id") id: string,
    @Body() body: unknown,
  ): Promise<ScimResource> {
    const changes = readGroup(readBody(body));
    if (changes.displayName === undefined) throw new ScimFault("invalidValue", "displayName is missing.");
    return showGroup(this.#issuer, await this.groups.change(caller, id, changes));
  }

  @Patch(":id")
  async patch(
    @CallerOfScim() caller: ScimCaller,
    @Param("id") id: string,
    @Body() body: unknown,
  ): Promise<ScimResource> {
    return showGroup(this.#issuer, await this.groups.change(caller, id, readGroupPatch(readPatch(readBody(body)))));
  }

  @Delete(":id")
  @HttpCode(204)
  async remove(@CallerOfScim() caller: ScimCaller, @Param("id") id: string): Promise<void> {
    await this.groups.remove(caller, id);
  }
}
