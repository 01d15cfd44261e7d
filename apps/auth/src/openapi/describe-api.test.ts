import "reflect-metadata";
import { RequireScope } from "@tripline/nest-kit/http/token.guard";
import { describedRoutes } from "@tripline/nest-kit/testing/routes-of";
import { ClientsController } from "../admin/clients.controller.js";
import { GrantsController } from "../admin/grants/grants.controller.js";
import { PeopleController } from "../admin/people.controller.js";
import { IntrospectionController } from "../introspection/introspection.controller.js";
import { ScimTokenController } from "../scim/token/scim-token.controller.js";
import { ProvidersController } from "../single-sign-on/providers.controller.js";
import { describeApi } from "./describe-api.js";
import { ROUTES } from "./routes.js";

const CONTROLLERS = [
  ...[ClientsController, GrantsController, PeopleController],
  ...[ProvidersController, ScimTokenController, IntrospectionController],
];

test("regression #24: describes exactly the routes that require a token, with their scopes", () => {
  const described = ROUTES.map(({ method, path, scope }) => `${method} ${path} ${scope}`);
  expect(described.toSorted()).toEqual(describedRoutes(CONTROLLERS, RequireScope).toSorted());
});

test("regression #24: the document contains its schemas and the token endpoint", () => {
  const text = JSON.stringify(describeApi({ AUTH_ISSUER: "https://auth.test" }));
  for (const part of [
    "https://auth.test/oauth/token",
    "#/components/schemas/User",
    "#/components/schemas/PendingGrant",
  ])
    expect(text).toContain(part);
});

test("regression #24: patterns contain no Unicode classes, which request generators do not support", () => {
  const text = JSON.stringify(describeApi({ AUTH_ISSUER: "https://auth.test" }));
  expect(text.match(/"[^"]*\\p\{[^"]*"/)?.[0]).toBeUndefined();
});
