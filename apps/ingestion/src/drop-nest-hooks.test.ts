import Fastify from "fastify";
import { dropNestHooks } from "./drop-nest-hooks.js";

test("a scope loses the hooks of its parent, and the parent keeps them", async () => {
  const fastify = Fastify();
  const seen: string[] = [];
  fastify.addHook("onRequest", async ({ url }) => void seen.push(`request ${url}`));
  fastify.addHook("onResponse", async ({ url }) => void seen.push(`response ${url}`));
  fastify.get("/parent", async () => "parent");
  await fastify.register(async (scope) => {
    dropNestHooks(scope);
    scope.addHook("onRequest", async ({ url }) => void seen.push(`own ${url}`));
    scope.get("/scope", async () => "scope");
  });
  expect((await fastify.inject("/scope")).body).toBe("scope");
  expect((await fastify.inject("/parent")).body).toBe("parent");
  await fastify.close();
  expect(seen).toEqual(["own /scope", "request /parent", "response /parent"]);
});
