import type { Permission } from "#contract/session";
import { text } from "../texts/en/app.js";

/** The screens of the menu with their required permissions. */
export const SCREENS = [
  { to: "/overview", title: text.screens.overview, needs: "overview:read" },
  { to: "/live", title: text.screens.live, needs: "decisions:read" },
  { to: "/queue", title: text.screens.queue, needs: "cases:read" },
  { to: "/reports", title: text.screens.reports, needs: "cases:read" },
  { to: "/look-up", title: text.screens.entity, needs: "cases:read" },
  { to: "/lists", title: text.screens.lists, needs: "lists:read" },
  { to: "/policy", title: text.screens.policy, needs: "policy:read" },
  { to: "/models", title: text.screens.models, needs: "models:read" },
  { to: "/system", title: text.screens.health, needs: "decisions:read" },
  { to: "/webhooks", title: text.screens.webhooks, needs: "webhooks:read" },
  { to: "/audit", title: text.screens.audit, needs: "audit:read" },
  { to: "/admin", title: text.screens.admin, needs: "people:read" },
] as const satisfies readonly { to: string; title: string; needs: Permission }[];

/** Permission for the screen at a path; undefined if everyone may see it. */
export function neededAt(path: string): Permission | undefined {
  if (path.startsWith("/cases/")) return "cases:read";
  if (path.startsWith("/payments/")) return "decisions:read";
  return SCREENS.find(({ to }) => path === to || path.startsWith(`${to}/`))?.needs;
}
