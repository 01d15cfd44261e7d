import type { Role } from "@tripline/contracts/roles";
import { ROLES, SCOPES } from "@tripline/contracts/roles";
import { z } from "zod";

const roles = z.array(z.enum(ROLES as readonly [Role, ...Role[]]));
const scopes = z.array(z.enum(SCOPES));
const onPerson = { user_name: z.string() };
const onClient = { client_id: z.string() };

/**
 * A change that grants rights, or a way to use existing rights. It is applied in this form, either immediately or on
 * approval. Passwords and secrets are stored as hashes. `owner` is a user ID.
 */
export const grantChange = z.discriminatedUnion("action", [
  z.object({ action: z.literal("person-add"), ...onPerson, name: z.string(), roles, password_hash: z.string() }),
  z.object({ action: z.literal("person-roles"), ...onPerson, roles }),
  z.object({ action: z.literal("person-enable"), ...onPerson }),
  z.object({ action: z.literal("person-reset"), ...onPerson, password_hash: z.string() }),
  z.object({
    action: z.literal("client-add"),
    ...onClient,
    scopes,
    owner: z.string().nullable(),
    secret_hash: z.string().nullable(),
    jwks: z.json().nullable(),
    redirect_uris: z.array(z.string()),
    signed_out_uris: z.array(z.string()),
  }),
  z.object({ action: z.literal("client-enable"), ...onClient }),
  z.object({ action: z.literal("client-owner"), ...onClient, owner: z.string() }),
  z.object({ action: z.literal("client-rotate-secret"), ...onClient, secret_hash: z.string() }),
]);

export const GRANT_ACTIONS = grantChange.options.map(({ shape }) => shape.action.value);

export type GrantChange = z.infer<typeof grantChange>;
export type PersonChange = Extract<GrantChange, { user_name: string }>;
export type ClientChange = Extract<GrantChange, { client_id: string }>;

export const isPersonChange = (change: GrantChange): change is PersonChange => "user_name" in change;

/** A change as administrators see it, without hashes. */
export function shownChange(change: GrantChange): object {
  const {
    password_hash: _password,
    secret_hash: _secret,
    jwks: _keys,
    ...shown
  } = { ...change } as Record<string, unknown>;
  return shown;
}

/** The change as the audit log stores it, without names of users. */
export function auditedChange(change: GrantChange): object {
  const { name: _name, user_name: _userName, ...rest } = shownChange(change) as Record<string, unknown>;
  return rest;
}
