/** Every scope a client can be given. The resource servers name the same strings where they check a token. */
export const SCOPES = [
  "transactions:write",
  "decisions:read",
  "labels:write",
  "features:read",
  "features:write",
] as const;

export type Scope = (typeof SCOPES)[number];
