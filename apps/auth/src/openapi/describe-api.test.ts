import "reflect-metadata";
import { RequestMethod } from "@nestjs/common";
import { METHOD_METADATA, PATH_METADATA } from "@nestjs/common/constants.js";
import { RequireScope } from "@tripline/nest-kit/http/token.guard";
import { ClientsController } from "../admin/clients.controller.js";
import { GrantsController } from "../admin/grants/grants.controller.js";
import { PeopleController } from "../admin/people.controller.js";
import { IntrospectionController } from "../introspection/introspection.controller.js";
import { describeApi } from "./describe-api.js";
import { ROUTES } from "./routes.js";

const CONTROLLERS = [ClientsController, GrantsController, PeopleController, IntrospectionController];

function servedRoutes(): string[] {
  return CONTROLLERS.flatMap((controller) =>
    Object.getOwnPropertyNames(controller.prototype).flatMap((name) => {
      const handler: unknown = Reflect.get(controller.prototype, name);
      const scope = typeof handler === "function" ? Reflect.getMetadata(RequireScope.KEY, handler) : undefined;
      if (typeof handler !== "function" || scope === undefined) return [];
      const method = RequestMethod[Number(Reflect.getMetadata(METHOD_METADATA, handler))]?.toLowerCase();
      const parts = [controller, handler].map((of) => String(Reflect.getMetadata(PATH_METADATA, of)));
      const path = `/${parts.join("/")}`.replaceAll(/\/+/g, "/").replace(/\/$/, "");
      return [`${method} ${path.replaceAll(/:(\w+)/g, "{$1}")} ${scope}`];
    }),
  );
}

test("regression #24: every route with a token is described with its scope, and none that is not there", () => {
  const described = ROUTES.map(({ method, path, scope }) => `${method} ${path} ${scope}`);
  expect(described.toSorted()).toEqual(servedRoutes().toSorted());
});

test("regression #24: the document names its schemas and where tokens are issued", () => {
  const text = JSON.stringify(describeApi({ AUTH_ISSUER: "https://auth.test" }));
  for (const part of [
    "https://auth.test/oauth/token",
    "#/components/schemas/User",
    "#/components/schemas/PendingGrant",
  ])
    expect(text).toContain(part);
});
