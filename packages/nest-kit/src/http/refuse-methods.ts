import { TriplineError } from "@tripline/contracts/error-table";
import type { FastifyInstance, onRequestHookHandler } from "fastify";

/**
 * Answers 405 with `Allow` if the path exists but does not support the request's method. It answers before reading the
 * body, which may have any type and size.
 *
 * @param fastify must have no routes or scopes yet
 * @returns a hook for the scope that handles requests without a route
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
    const names = methodsOf(methodsByPattern, request.url);
    if (names.length === 0) return done();
    reply.header("allow", names.join(", "));
    done(methodNotAllowed(names));
  };
}

/** The methods of a path, sorted. @param methodsByPattern patterns of routes, with parameters as `:name` */
export function methodsOf(methodsByPattern: Iterable<readonly [string, Iterable<string>]>, url: string): string[] {
  const [path = ""] = url.split("?", 1);
  const allowed = new Set<string>();
  for (const [pattern, methods] of methodsByPattern) {
    if (matches(pattern, path)) for (const name of methods) allowed.add(name);
  }
  return [...allowed].sort();
}

export function methodNotAllowed(names: readonly string[]): TriplineError {
  return new TriplineError("method-not-allowed", `This endpoint accepts only ${names.join(" and ")}.`);
}

/** Whether a path matches a pattern: a parameter matches any non-empty text. */
function matches(pattern: string, path: string): boolean {
  const parts = pattern.split("/");
  const given = path.split("/");
  return (
    parts.length === given.length &&
    parts.every((part, index) => (part.startsWith(":") ? given[index] !== "" : given[index] === part))
  );
}
