/** Every scope of the API. Services use the same strings when they check a token. */
export const SCOPES = [
  "transactions:write",
  "decisions:read",
  "decisions:explain",
  // The exact score. This scope must be granted explicitly, because it makes it possible to copy the model.
  "decisions:exact",
  "labels:write",
  "payment-updates:write",
  "fraud-reports:write",
  "features:read",
  "features:write",
  "cases:read",
  "cases:write",
  "personal:read",
  "personal:erase",
  "policy:read",
  "policy:write",
  "policy:approve",
  "lists:read",
  "lists:write",
  "models:read",
  "models:write",
  "overview:read",
  "audit:read",
  "operations:read",
  "operations:write",
  "people:read",
  "people:write",
  "webhooks:read",
  "webhooks:write",
  // For machine clients that cannot verify tokens themselves.
  "tokens:introspect",
] as const;

/**
 * Scopes of Tripline's own services, which no administrator can grant. `labels:relay`: post a label for the tenant in
 * the header Tripline-Tenant.
 */
export const SERVICE_SCOPES = ["labels:relay"] as const;

export type Scope = (typeof SCOPES)[number];

const VIEWER: readonly Scope[] = [
  "decisions:read",
  "cases:read",
  "features:read",
  "policy:read",
  "lists:read",
  "models:read",
  "overview:read",
];

const ANALYST: readonly Scope[] = [...VIEWER, "cases:write", "labels:write", "lists:write", "personal:read"];

/** Access to dead letters, erasures and jobs, for users who operate the system. */
const OPERATOR: readonly Scope[] = ["operations:read", "operations:write"];

const WEBHOOKS: readonly Scope[] = ["webhooks:read", "webhooks:write"];

/** Scopes by role. Machine clients have individual scopes instead. */
export const ROLE_SCOPES = {
  viewer: VIEWER,
  analyst: ANALYST,
  lead: [
    ...ANALYST,
    "personal:erase",
    "policy:write",
    "policy:approve",
    "models:write",
    "audit:read",
    ...OPERATOR,
    ...WEBHOOKS,
  ],
  admin: [...VIEWER, "people:read", "people:write", "audit:read", ...OPERATOR, ...WEBHOOKS],
} as const satisfies Record<string, readonly Scope[]>;

export type Role = keyof typeof ROLE_SCOPES;

export const ROLES = Object.keys(ROLE_SCOPES) as readonly Role[];

/** The union of the scopes of the roles, in the order of `SCOPES`. */
export function scopesOf(roles: readonly Role[]): readonly Scope[] {
  const granted = new Set<Scope>(roles.flatMap((role) => ROLE_SCOPES[role]));
  return SCOPES.filter((scope) => granted.has(scope));
}
