import { Controller, Get, Inject, Param, UseGuards } from "@nestjs/common";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { notFound } from "../admin/admin-action.js";
import type { AuthConfig } from "../config.js";
import { AUTH_CONFIG } from "../config.js";
import { ScimGuard } from "./scim.guard.js";
import { resourceTypes, schemas, serviceProviderConfig } from "./scim-metadata.js";
import type { ScimResource } from "./scim-resource.js";
import { listResponse } from "./scim-resource.js";

/** Describes the SCIM API to identity providers (RFC 7644 section 4). */
@OpenTo("the tenant's identity provider")
@Controller("/scim/v2")
@UseGuards(ScimGuard)
export class ScimMetadataController {
  readonly #issuer: string;

  constructor(@Inject(AUTH_CONFIG) { AUTH_ISSUER }: Pick<AuthConfig, "AUTH_ISSUER">) {
    this.#issuer = AUTH_ISSUER;
  }

  @Get("ServiceProviderConfig")
  config(): ScimResource {
    return serviceProviderConfig(this.#issuer);
  }

  @Get("ResourceTypes")
  types(): ScimResource {
    return all(resourceTypes(this.#issuer));
  }

  @Get("ResourceTypes/:id")
  type(@Param("id") id: string): ScimResource {
    return one(resourceTypes(this.#issuer), id);
  }

  @Get("Schemas")
  schemas(): ScimResource {
    return all(schemas(this.#issuer));
  }

  @Get("Schemas/:id")
  schema(@Param("id") id: string): ScimResource {
    return one(schemas(this.#issuer), id);
  }
}

const all = (resources: readonly ScimResource[]): ScimResource =>
  listResponse(resources, resources.length, { offset: 0, limit: resources.length });

/** @throws TriplineError `not-found` */
function one(resources: readonly ScimResource[], wanted: string): ScimResource {
  const found = resources.find(({ id }) => id === wanted);
  if (found === undefined) throw notFound("resource");
  return found;
}
