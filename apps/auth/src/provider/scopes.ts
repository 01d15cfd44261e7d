/** Every scope a client can be given. The resource servers name the same strings where they check a token. */
export const SCOPES = [
  "transactions:write",
  "decisions:read",
  "labels:write",
  "features:read",
  "features:write",
  "policy:read",
  "policy:write",
  "policy:approve",
  "lists:read",
  "lists:write",
  "models:read",
  "models:write",
] as const;

export type Scope = (typeof SCOPES)[number];
