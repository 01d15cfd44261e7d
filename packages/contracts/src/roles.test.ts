import { ROLES, SCOPES, scopesOf } from "./roles.js";

describe("scopesOf", () => {
  test.each([
    ["viewer", "decisions:read features:read cases:read policy:read lists:read models:read overview:read"],
    [
      "analyst",
      "decisions:read labels:write features:read cases:read cases:write personal:read policy:read lists:read " +
        "lists:write models:read overview:read",
    ],
    [
      "lead",
      "decisions:read labels:write features:read cases:read cases:write personal:read personal:erase policy:read policy:write " +
        "policy:approve lists:read lists:write models:read models:write overview:read audit:read operations:read operations:write " +
        "webhooks:read webhooks:write",
    ],
    [
      "admin",
      "decisions:read features:read cases:read policy:read lists:read models:read overview:read audit:read operations:read " +
        "operations:write people:read people:write webhooks:read webhooks:write",
    ],
  ] as const)("returns the scopes of the %s role", (role, scopes) => {
    expect(scopesOf([role]).join(" ")).toBe(scopes);
  });

  test("combines the scopes of several roles, and no role may send payments or payment updates", () => {
    const all = scopesOf(ROLES);
    expect(all).toEqual(SCOPES.filter((scope) => all.includes(scope)));
    expect(SCOPES.filter((scope) => !all.includes(scope))).toEqual([
      "transactions:write",
      "decisions:explain",
      "decisions:exact",
      "payment-updates:write",
      "fraud-reports:write",
      "features:write",
      "tokens:introspect",
    ]);
    expect(scopesOf([])).toEqual([]);
  });
});
