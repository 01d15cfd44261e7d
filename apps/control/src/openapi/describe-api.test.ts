import "reflect-metadata";
import { problemSchema } from "@tripline/http/describe-problems";
import { RequireScope } from "@tripline/nest-kit/http/token.guard";
import { describedRoutes } from "@tripline/nest-kit/testing/routes-of";
import { z } from "zod";
import { ApprovalsController } from "../approvals/approvals.controller.js";
import { AuditController } from "../audit/audit.controller.js";
import { ListsController } from "../lists/lists.controller.js";
import { ModelLimitsController } from "../models/model-limits.controller.js";
import { ModelVersionsController } from "../models/model-versions.controller.js";
import { ModelsController } from "../models/models.controller.js";
import { DeadLettersController } from "../operations/dead-letters.controller.js";
import { ErasuresController } from "../operations/erasures.controller.js";
import { JobsController } from "../operations/jobs.controller.js";
import { PersonalController } from "../personal/personal.controller.js";
import { PoliciesController } from "../policies/policies.controller.js";
import { RolloutsController } from "../rollouts/rollouts.controller.js";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";
import { WebhooksController } from "../webhooks/webhooks.controller.js";
import { describeApi } from "./describe-api.js";
import { routesOf } from "./routes.js";

const operation = z.object({
  security: z.array(z.object({ oauth: z.array(z.string()) })),
  parameters: z.array(z.object({ name: z.string(), in: z.string() })).optional(),
  responses: z.record(z.string(), z.unknown()),
});
const description = z.object({
  openapi: z.literal("3.1.0"),
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

const POLICY = `version: 1
rules:
  - { id: big, when: amount > 500, reason: BIG, action: review, text: It is big. }
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`;
const CARD = `ct_${"a".repeat(32)}`;

const CONTROLLERS = [
  ...[
    PoliciesController,
    ApprovalsController,
    ListsController,
    RolloutsController,
    ModelsController,
    ModelVersionsController,
    ModelLimitsController,
    PersonalController,
  ],
  ...[AuditController, DeadLettersController, ErasuresController, JobsController, WebhooksController],
];

let bed: TestBed;
let caller: TestCaller;
let api: z.infer<typeof description>;
beforeAll(async () => {
  bed = await startTestBed();
  caller = bed.as("ann", { tenant: "described", scope: "policy:read policy:write lists:read lists:write audit:read" });
  api = description.parse(await (await fetch(`${bed.service.url}/openapi.json`)).json());
});
afterAll(() => bed.close());

test("describes exactly the existing routes, with their scopes", () => {
  const described = routesOf({ hasRollouts: true, hasWebhooks: true }).map(
    ({ method, path, scope }) => `${method} ${path} ${scope}`,
  );
  expect(described.toSorted()).toEqual(describedRoutes(CONTROLLERS, RequireScope).toSorted());
});

test("is served without a token, and includes rollouts and webhooks only if they are configured", () => {
  const paths = Object.keys(api.paths);
  expect(paths).toContain("/v1/policy/activations");
  expect(paths.some((path) => /^\/v1\/(rollouts|webhooks)/.test(path))).toBe(false);
  const config = {
    AUTH_ISSUER: "https://auth.test/",
    REGISTRY_URL: "file:///registry",
    PERSONAL_MASTER_KEY: Buffer.alloc(32).toString("base64"),
  } as never;
  const whole = JSON.stringify(describeApi(config));
  expect(whole).toContain("/v1/rollouts/{model}/rollback");
  expect(whole).toContain("/v1/webhooks/endpoints/{endpoint}/replay");
  expect(whole).toContain("https://auth.test/oauth/token");
  for (const path of paths) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    for (const { parameters = [] } of Object.values(api.paths[path] ?? {})) {
      expect(parameters.filter((one) => one.in === "path").map(({ name }) => name)).toEqual(names);
    }
  }
});

test("regression #24: every response has a named schema, and the document contains the requested server", async () => {
  const text = await (await fetch(`${bed.service.url}/openapi.json`)).text();
  const answer = z.object({ content: z.record(z.string(), z.object({ schema: z.object({ $ref: z.string() }) })) });
  for (const operations of Object.values(api.paths)) {
    for (const { responses } of Object.values(operations)) {
      for (const [status, response] of Object.entries(responses)) {
        if (status === "204") continue;
        expect([status, answer.safeParse(response).success]).toEqual([status, true]);
      }
    }
  }
  expect(Object.keys(api.components.schemas)).toEqual(expect.arrayContaining(["PolicyRevision", "ListEntry"]));
  expect(JSON.parse(text)).toMatchObject({ servers: [{ url: bed.service.url }] });
});

test("responses match the description", async () => {
  const { body: revision } = await caller.send("POST", "/v1/policy/revisions", { text: POLICY, note: "" });
  await caller.send("PUT", "/v1/policy/drafts/one", { text: POLICY, version: 0 });
  await caller.send("POST", "/v1/policy/activations", { revision: 1, after: 0, note: "" });
  const entry = { kind: "card", value: CARD, reason: "stolen" };
  await caller.send("POST", "/v1/lists/deny/entries", { entries: [entry] });
  expect(revision).toMatchObject({ revision: 1 });
  const operator = bed.as("ops", { tenant: OPERATOR_TENANT, scope: "operations:read" });
  for (const { method, path, scope, answers } of routesOf({ hasRollouts: false, hasWebhooks: false })) {
    if (method !== "get") continue;
    const asking = scope === "operations:read" ? operator : caller;
    const { status, body } = await asking.get(path.replace("{revision}", "1").replace("{name}", "one"));
    expect([path, status]).toEqual([path, 200]);
    const strict = answers[200] as z.ZodObject;
    expect([path, strict.strict().safeParse(body).error?.issues]).toEqual([path, undefined]);
  }
});

test("problems match the description", async () => {
  const { status, body } = await caller.send("POST", "/v1/policy/activations", { revision: 99 });
  expect(problemSchema.parse(body)).toMatchObject({ status: 422 });
  expect(Object.keys(api.paths["/v1/policy/activations"]?.post?.responses ?? {})).toContain(String(status));
});
