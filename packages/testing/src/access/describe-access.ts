import type { Role } from "@tripline/contracts/roles";
import { ROLE_SCOPES, ROLES } from "@tripline/contracts/roles";
import type { ServiceRoute } from "./collect-routes.js";
import { collectRoutes } from "./collect-routes.js";

/** Whether users with only this role may call a route. */
export function mayCall(role: Role, { access }: ServiceRoute): boolean {
  if (access.by === "open") return true;
  const scopes: readonly string[] = ROLE_SCOPES[role];
  return access.scope === SIGNED_IN || scopes.includes(access.scope);
}

/** Required by console routes that concern the user's own account. */
const SIGNED_IN = "signed-in";

/** The tables of docs/access.md, by name. */
export function accessTables(table: (head: string[], rows: string[][]) => string): Readonly<Record<string, string>> {
  const routes = collectRoutes();
  const services = [...new Set(routes.map(({ service }) => service))];
  return Object.fromEntries(
    services.map((service) => [
      service,
      table(
        ["route", "needs", ...ROLES, "another tenant"],
        routes.filter((route) => route.service === service).map(rowOf),
      ),
    ]),
  );
}

function rowOf(route: ServiceRoute): string[] {
  const { method, path, access, isOperatorOnly } = route;
  const cells = ROLES.map((role) => (mayCall(role, route) ? "yes" : "403"));
  if (access.by === "open") return [`\`${method} ${path}\``, access.to, ...ROLES.map(() => ""), ""];
  const needs =
    access.scope === SIGNED_IN ? "a session" : `\`${access.scope}\`${access.by === "session" ? ", a session" : ""}`;
  return [`\`${method} ${path}\``, needs, ...cells, isOperatorOnly ? "403" : "its own only"];
}
