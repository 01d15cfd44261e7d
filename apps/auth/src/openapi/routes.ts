import type { ErrorCode } from "@tripline/contracts/error-table";
import type { Scope } from "@tripline/contracts/roles";
import type { Route } from "@tripline/http/describe-routes";
import { z } from "zod";
import { newOwner } from "../admin/clients.controller.js";
import { newPerson, newRoles } from "../admin/people.controller.js";
import { addedClient } from "../clients/client-registration.js";
import { introspectionRequest } from "../introspection/introspection.controller.js";
import { newProvider, providerSettings } from "../single-sign-on/provider-settings.js";

/** A request with an access token. The endpoints of OAuth and OpenID Connect describe themselves. */
export interface AuthRoute extends Route {
  readonly scope: Scope;
}

const time = z.iso.datetime();
const isPublished = z.boolean().meta({ description: "Whether all services have been notified." });

const person = z
  .object({
    person_id: z.string(),
    user_name: z.string(),
    name: z.string(),
    tenant: z.string(),
    roles: z.array(z.string()),
    has_second_factor: z.boolean(),
    created_at: time,
    disabled_at: time.nullable(),
  })
  .meta({ id: "User" });
const client = z
  .object({
    client_id: z.string(),
    tenant: z.string(),
    auth_method: z.string(),
    scopes: z.array(z.string()),
    redirect_uris: z
      .array(z.string())
      .meta({ description: "Redirect URIs of a client that signs users in; empty for other clients." }),
    owner: z.object({ person_id: z.string(), user_name: z.string(), is_disabled: z.boolean() }).nullable().meta({
      description: "The owner. If two users are required for a change, this user and the client count as one.",
    }),
    created_at: time,
    disabled_at: time.nullable(),
  })
  .meta({ id: "Client" });
const grant = z
  .object({
    grant_id: z.string(),
    change: z.looseObject({
      action: z.string(),
      user_name: z.string().optional(),
      client_id: z.string().optional(),
      roles: z.array(z.string()).optional(),
      scopes: z.array(z.string()).optional(),
      settings: providerSettings.optional().meta({ description: "The requested settings of `provider-set`." }),
      has_new_secret: z
        .boolean()
        .optional()
        .meta({ description: "Whether `provider-set` replaces the client secret." }),
    }),
    requested_by: z.string(),
    principal: z
      .string()
      .meta({ description: "The user who requested the change, even if the user's client sent the request." }),
    requested_at: time,
    expires_at: time,
  })
  .meta({ id: "Grant" });
const secrets = {
  password: z.string().optional(),
  client_secret: z.string().optional(),
  token: z.string().optional(),
};
const scimToken = z
  .object({ tenant: z.string(), created_by: z.string(), created_at: time })
  .meta({ id: "ScimToken", description: "The token with which the identity provider calls the SCIM API." });
const changedScimToken = scimToken
  .extend({ is_published: isPublished, token: secrets.token })
  .meta({ id: "ChangedScimToken" });
const changedPerson = person.extend({ is_published: isPublished, ...secrets }).meta({ id: "ChangedUser" });
const changedClient = client.extend({ is_published: isPublished, ...secrets }).meta({ id: "ChangedClient" });
const changedProvider = providerSettings
  .extend({ tenant: z.string(), changed_at: time, is_published: isPublished })
  .meta({ id: "ChangedIdentityProvider" });
const pending = z.object({ grant, ...secrets }).meta({
  id: "PendingGrant",
  description: "The change awaits approval by a second administrator.",
});

const OF_A_USER = z.object({ userName: z.string() });
const OF_A_CLIENT = z.object({ id: z.string() });
const CHANGE: readonly ErrorCode[] = ["not-found", "last-admin", "approval-missing"];

const post = (route: Omit<AuthRoute, "method" | "scope">): AuthRoute => ({
  method: "post",
  scope: "people:write",
  ...route,
});
const put = (route: Omit<AuthRoute, "method" | "scope">): AuthRoute => ({ ...post(route), method: "put" });
const get = (route: Omit<AuthRoute, "method" | "scope">): AuthRoute => ({
  method: "get",
  scope: "people:read",
  ...route,
});

const USERS: readonly AuthRoute[] = [
  get({
    path: "/v1/people",
    id: "listUsers",
    summary: "Users of the tenant",
    answers: { 200: z.object({ people: z.array(person) }).meta({ id: "Users" }) },
  }),
  post({
    path: "/v1/people",
    id: "addUser",
    summary: "Add a user; without a password, one is generated and returned once",
    body: newPerson,
    answers: { 201: changedPerson, 202: pending },
    errors: ["name-taken"],
  }),
  ...(
    [
      ["disable", "Disable a user", { 200: changedPerson }],
      ["enable", "Enable a user", { 200: changedPerson, 202: pending }],
      ["sign-out", "End all sessions of a user", { 200: changedPerson }],
      ["reset", "Reset a user's password and remove the second factor", { 200: changedPerson, 202: pending }],
    ] as const
  ).map(([name, summary, answers]) => {
    const id = `${name.replace("sign-out", "signOut")}User`;
    return post({ path: `/v1/people/{userName}/${name}`, id, summary, parameters: OF_A_USER, answers, errors: CHANGE });
  }),
  put({
    path: "/v1/people/{userName}/roles",
    id: "setRoles",
    summary: "Set the roles of a user",
    parameters: OF_A_USER,
    body: newRoles,
    answers: { 200: changedPerson, 202: pending },
    errors: CHANGE,
  }),
];

const CLIENTS: readonly AuthRoute[] = [
  get({
    path: "/v1/clients",
    id: "listClients",
    summary: "Clients of the tenant, with their owners",
    answers: { 200: z.object({ clients: z.array(client) }).meta({ id: "Clients" }) },
  }),
  post({
    path: "/v1/clients",
    id: "addClient",
    summary: "Add a client; without public keys, a secret is generated and returned once",
    body: addedClient,
    answers: { 201: changedClient, 202: pending },
    errors: ["name-taken"],
  }),
  ...(
    [
      ["disable", "Disable a client", { 200: changedClient }],
      ["enable", "Enable a client", { 200: changedClient, 202: pending }],
      ["rotate-secret", "Rotate a client's secret; the new one is returned once", { 200: changedClient, 202: pending }],
    ] as const
  ).map(([name, summary, answers]) => {
    const id = `${name.replace("rotate-secret", "rotateSecretOf")}Client`;
    return post({ path: `/v1/clients/{id}/${name}`, id, summary, parameters: OF_A_CLIENT, answers, errors: CHANGE });
  }),
  put({
    path: "/v1/clients/{id}/owner",
    id: "setOwner",
    summary: "Set the owner of a client",
    parameters: OF_A_CLIENT,
    body: newOwner,
    answers: { 200: changedClient, 202: pending },
    errors: CHANGE,
  }),
];

const GRANTS: readonly AuthRoute[] = [
  get({
    path: "/v1/grants",
    id: "listGrants",
    summary: "Changes awaiting approval by a second administrator",
    answers: { 200: z.object({ grants: z.array(grant) }).meta({ id: "Grants" }) },
  }),
  post({
    path: "/v1/grants/{id}/approve",
    id: "approveGrant",
    summary: "Approve a change that another administrator requested",
    parameters: OF_A_CLIENT,
    answers: {
      200: z.union([changedPerson, changedClient, changedProvider, changedScimToken]).meta({ id: "Approved" }),
    },
    errors: [...CHANGE, "name-taken", "changed-meanwhile"],
  }),
  post({
    path: "/v1/grants/{id}/reject",
    id: "rejectGrant",
    summary: "Reject a change",
    parameters: OF_A_CLIENT,
    answers: { 200: grant },
    errors: ["not-found"],
  }),
];

const PROVIDER: readonly AuthRoute[] = [
  get({
    path: "/v1/identity-provider",
    id: "getIdentityProvider",
    summary: "The identity provider of the tenant, without its secret",
    answers: { 200: changedProvider.omit({ is_published: true }).meta({ id: "IdentityProvider" }) },
    errors: ["provider-not-found"],
  }),
  put({
    path: "/v1/identity-provider",
    id: "setIdentityProvider",
    summary: "Set the identity provider, after checking its metadata and the DNS records of its domains",
    body: newProvider,
    answers: { 200: changedProvider, 202: pending },
    errors: ["approval-missing", "provider-unavailable", "provider-url-refused", "sign-in-failed", "queue-full"],
  }),
  {
    ...post({
      path: "/v1/identity-provider",
      id: "removeIdentityProvider",
      summary: "Remove the identity provider; its users can no longer sign in",
      answers: { 200: changedProvider, 202: pending },
      errors: ["provider-not-found", "approval-missing"],
    }),
    method: "delete",
  },
];

const SCIM_TOKEN: readonly AuthRoute[] = [
  get({
    path: "/v1/identity-provider/scim-token",
    id: "getScimToken",
    summary: "When the SCIM token was created, and by whom",
    answers: { 200: scimToken },
    errors: ["not-found"],
  }),
  post({
    path: "/v1/identity-provider/scim-token",
    id: "setScimToken",
    summary: "Create or replace the SCIM token of the identity provider; it is returned once",
    answers: { 201: changedScimToken, 202: pending },
    errors: ["not-found", "approval-missing"],
  }),
  {
    ...post({
      path: "/v1/identity-provider/scim-token",
      id: "removeScimToken",
      summary: "Remove the SCIM token; the identity provider can no longer change users and groups",
      answers: { 200: changedScimToken, 202: pending },
      errors: ["not-found", "approval-missing"],
    }),
    method: "delete",
  },
];

export const ROUTES: readonly AuthRoute[] = [
  ...USERS,
  ...CLIENTS,
  ...GRANTS,
  ...PROVIDER,
  ...SCIM_TOKEN,
  {
    method: "post",
    path: "/oauth/introspect",
    id: "introspectToken",
    scope: "tokens:introspect",
    summary: "Introspect a token of the caller's tenant (RFC 7662)",
    body: introspectionRequest,
    bodyType: "application/x-www-form-urlencoded",
    answers: { 200: z.looseObject({ active: z.boolean() }).meta({ id: "Introspection" }) },
  },
];
