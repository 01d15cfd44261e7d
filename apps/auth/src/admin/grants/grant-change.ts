import type { Role } from "@tripline/contracts/roles";
import { ROLES, SCOPES } from "@tripline/contracts/roles";
import { z } from "zod";
import { providerSettings } from "../../single-sign-on/provider-settings.js";

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
  // The encrypted secret in base64. Without one, the secret that is current at the time of approval is kept.
  z.object({ action: z.literal("provider-set"), settings: providerSettings, sealed_secret: z.string().optional() }),
  z.object({ action: z.literal("provider-remove") }),
  z.object({ action: z.literal("scim-token-set"), secret_hash: z.string() }),
  z.object({ action: z.literal("scim-token-remove") }),
]);

export const GRANT_ACTIONS = grantChange.options.map(({ shape }) => shape.action.value);

export type GrantChange = z.infer<typeof grantChange>;
export type PersonChange = Extract<GrantChange, { user_name: string }>;
export type ClientChange = Extract<GrantChange, { client_id: string }>;

export type ProviderChange = Extract<GrantChange, { action: `provider-${string}` }>;

export const isProviderChange = (change: GrantChange): change is ProviderChange =>
  change.action.startsWith("provider-");

export type ScimTokenChange = Extract<GrantChange, { action: `scim-token-${string}` }>;

export const isScimTokenChange = (change: GrantChange): change is ScimTokenChange =>
  change.action.startsWith("scim-token-");

export const isPersonChange = (change: GrantChange): change is PersonChange => "user_name" in change;

/** A change as administrators see it, without hashes and secrets. */
export function shownChange(change: GrantChange): object {
  const {
    password_hash: _password,
    secret_hash: _secret,
    jwks: _keys,
    sealed_secret: _sealed,
    ...shown
  } = { ...change } as Record<string, unknown>;
  return change.action === "provider-set" ? { ...shown, has_new_secret: change.sealed_secret !== undefined } : shown;
}

/** The change as the audit log stores it, without names of users. */
export function auditedChange(change: GrantChange): object {
  const { name: _name, user_name: _userName, ...rest } = shownChange(change) as Record<string, unknown>;
  if (change.action !== "provider-set") return rest;
  const { break_glass: _breakGlass, ...settings } = change.settings;
  return { ...rest, settings };
}
