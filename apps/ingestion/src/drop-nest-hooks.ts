import type { FastifyInstance } from "fastify";

const HOOKS = "fastify.hooks";
/** What Nest's adapter adds to every route: seven hooks before a request and one behind it. */
const DROPPED = ["onRequest", "onResponse"] as const;

/**
 * Takes from a scope of its own the hooks that it has from its parent. Those of Nest's adapter serve features that these
 * routes do not have (middleware, CORS, versions, Nest's own hooks), and cost as much as checking a payment. To be called
 * before the scope adds hooks of its own. A Fastify that keeps its hooks elsewhere keeps them.
 */
export function dropNestHooks(scope: FastifyInstance): void {
  for (const symbol of Object.getOwnPropertySymbols(scope)) {
    if (symbol.description !== HOOKS) continue;
    const hooks: unknown = Reflect.get(scope, symbol);
    for (const name of DROPPED) {
      const list: unknown = typeof hooks === "object" && hooks !== null ? Reflect.get(hooks, name) : undefined;
      if (Array.isArray(list)) list.length = 0;
    }
  }
}
