import { TriplineError } from "@tripline/contracts/error-table";
import type { FastifyInstance, onRequestHookHandler } from "fastify";

/**
 * Answers 405 with `Allow` if the path is known but not with the request's method, before the body is read, which may have
 * any type and size.
 *
 * @param fastify has no routes or scopes yet
 * @returns a hook for the scope that handles requests for which there is no route
 */
export function refuseOtherMethods(fastify: FastifyInstance): onRequestHookHandler {
  const methodsByPattern = new Map<string, Set<string>>();
  fastify.addHook("onRoute", ({ url, method }) => {
    const methods = methodsByPattern.get(url) ?? new Set();
    methodsByPattern.set(url, methods);
    for (const name of [method].flat()) methods.add(name);
  });
  return (request, reply, done) => {
    if (!request.is404) return done();
    const [path = ""] = request.url.split("?", 1);
    const allowed = new Set<string>();
    for (const [pattern, methods] of methodsByPattern) {
      if (matches(pattern, path)) for (const name of methods) allowed.add(name);
    }
    if (allowed.size === 0) return done();
    const names = [...allowed].sort();
    reply.header("allow", names.join(", "));
    done(new TriplineError("method-not-allowed", `This address accepts ${names.join(" and ")}.`));
  };
}

/** Whether a path matches a pattern: a parameter is any text that is not empty. */
function matches(pattern: string, path: string): boolean {
  const parts = pattern.split("/");
  const given = path.split("/");
  return (
    parts.length === given.length &&
    parts.every((part, index) => (part.startsWith(":") ? given[index] !== "" : given[index] === part))
  );
}
