import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Put,
  Query,
  Req,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { invalidFields } from "@tripline/http/describe-issues";
import type { Resolve } from "@tripline/http/egress/check-target";
import { checkTarget } from "@tripline/http/egress/check-target";
import { AllowedNetworks } from "@tripline/http/egress/networks";
import { parseRequest } from "@tripline/http/parse-request";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyRequest } from "fastify";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import type { Managed } from "../requests/managed-tenant.js";
import { managedBy } from "../requests/managed-tenant.js";
import { DeliveryStore } from "./delivery-store.js";
import { EndpointSecrets } from "./endpoint-secrets.js";
import { EndpointStore } from "./endpoint-store.js";
import { showSecret } from "./sign-message.js";
import { deliverySearch, endpointId, endpointSettings, newEndpoint, replay, rotation } from "./webhook-requests.js";
import { RESOLVE } from "./webhook-sender.js";

/** A tenant's webhooks. The parameter `tenant` selects the tenant. */
@Controller("/v1/webhooks")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class WebhooksController {
  readonly #allowed: AllowedNetworks;

  constructor(
    @Inject(EndpointStore) private readonly endpoints: EndpointStore,
    @Inject(EndpointSecrets) private readonly secrets: EndpointSecrets,
    @Inject(DeliveryStore) private readonly deliveries: DeliveryStore,
    @Inject(RESOLVE) private readonly resolve: Resolve,
    @Inject(CONTROL_CONFIG)
    private readonly config: Pick<ControlConfig, "OPERATOR_TENANT" | "WEBHOOK_ALLOWED_NETWORKS">,
  ) {
    this.#allowed = new AllowedNetworks(config.WEBHOOK_ALLOWED_NETWORKS);
  }

  @Get("endpoints")
  @RequireScope("webhooks:read")
  async list(@Req() request: FastifyRequest): Promise<object> {
    return { endpoints: await this.endpoints.list(this.#by(request).tenant) };
  }

  @Post("endpoints")
  @HttpCode(201)
  @RequireScope("webhooks:write")
  async add(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const by = this.#by(request);
    const wanted = parseRequest(newEndpoint, body);
    await checkTarget(wanted.url, this.#allowed, this.resolve);
    const secret = await this.secrets.create();
    const endpoint = await this.endpoints.add(by, wanted, secret);
    return { endpoint, secret: showSecret(secret.plain) };
  }

  @Get("endpoints/:endpoint")
  @RequireScope("webhooks:read")
  find(@Req() request: FastifyRequest, @Param() path: unknown): Promise<object> {
    return this.endpoints.find(this.#by(request).tenant, idOf(path));
  }

  @Put("endpoints/:endpoint")
  @RequireScope("webhooks:write")
  async change(@Req() request: FastifyRequest, @Param() path: unknown, @Body() body: unknown): Promise<object> {
    const by = this.#by(request);
    const settings = parseRequest(endpointSettings, body);
    const { url } = await this.endpoints.find(by.tenant, idOf(path));
    // An endpoint can still be paused if its host no longer exists.
    if (!settings.is_paused || settings.url !== url) await checkTarget(settings.url, this.#allowed, this.resolve);
    return this.endpoints.change(by, idOf(path), settings);
  }

  @Delete("endpoints/:endpoint")
  @HttpCode(204)
  @RequireScope("webhooks:write")
  remove(@Req() request: FastifyRequest, @Param() path: unknown): Promise<void> {
    return this.endpoints.remove(this.#by(request), idOf(path));
  }

  @Post("endpoints/:endpoint/secret")
  @HttpCode(201)
  @RequireScope("webhooks:write")
  async rotate(@Req() request: FastifyRequest, @Param() path: unknown, @Body() body: unknown): Promise<object> {
    const by = this.#by(request);
    const { overlap_hours } = parseRequest(rotation, body ?? {});
    await this.endpoints.find(by.tenant, idOf(path));
    const secret = await this.secrets.create();
    await this.endpoints.rotate(by, idOf(path), overlap_hours, secret);
    return { secret: showSecret(secret.plain) };
  }

  @Post("endpoints/:endpoint/test")
  @HttpCode(202)
  @RequireScope("webhooks:write")
  async test(@Req() request: FastifyRequest, @Param() path: unknown): Promise<object> {
    const by = this.#by(request);
    const { id } = await this.endpoints.find(by.tenant, idOf(path));
    return { event_id: await this.deliveries.test(by, id) };
  }

  @Post("endpoints/:endpoint/replay")
  @HttpCode(202)
  @RequireScope("webhooks:write")
  async replay(@Req() request: FastifyRequest, @Param() path: unknown, @Body() body: unknown): Promise<object> {
    const by = this.#by(request);
    const wanted = parseRequest(replay, body);
    const { id } = await this.endpoints.find(by.tenant, idOf(path));
    return this.deliveries.replay(by, id, wanted);
  }

  @Get("deliveries")
  @RequireScope("webhooks:read")
  search(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    return this.deliveries.search(this.#by(request).tenant, parseRequest(deliverySearch, query));
  }

  #by(request: FastifyRequest): Managed {
    const managed = managedBy(request, this.config.OPERATOR_TENANT);
    if (managed.tenant !== "") return managed;
    throw invalidFields([{ pointer: "/tenant", detail: "must be set, because every endpoint belongs to a tenant" }]);
  }
}

const idOf = (path: unknown): string => parseRequest(endpointId, path).endpoint;
