import type { Permission, Session } from "#contract/session";

const ALL: readonly Permission[] = [
  "decisions:read",
  "cases:read",
  "cases:write",
  "labels:write",
  "lists:read",
  "lists:write",
  "policy:read",
  "policy:write",
  "policy:approve",
  "models:read",
  "models:write",
  "overview:read",
  "audit:read",
  "operations:read",
  "operations:write",
  "personal:read",
  "people:read",
  "people:write",
  "webhooks:read",
  "webhooks:write",
];

export function makeSession(nowMs: number, permissions: readonly Permission[] = ALL): Session {
  return {
    person: { id: "demo", name: "Demo Person" },
    tenant: "demo",
    roles: ["analyst", "lead"],
    permissions,
    secondFactorUrl: "/session/sign-in?to=/admin",
    csrfToken: "of-the-fixture",
    expiresAtMs: nowMs + 3_600_000,
  };
}
