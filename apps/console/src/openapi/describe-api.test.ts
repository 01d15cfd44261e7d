import "reflect-metadata";
import { RequireScope } from "@tripline/nest-kit/http/token.guard";
import { describedRoutes } from "@tripline/nest-kit/testing/routes-of";
import { z } from "zod";
import { AttachmentsController } from "../attachments/attachments.controller.js";
import { CaseFilesController } from "../cases/case-files.controller.js";
import { CasesController } from "../cases/cases.controller.js";
import { PeopleController } from "../cases/people.controller.js";
import { DecisionSearchController } from "../decisions/decision-search.controller.js";
import { EntitiesController } from "../entities/entities.controller.js";
import { FraudReportApiController } from "../fraud-reports/fraud-report-api.controller.js";
import { UnmatchedReportsController } from "../fraud-reports/unmatched-reports.controller.js";
import { LiveController } from "../live/live.controller.js";
import { OverviewController } from "../overview/overview.controller.js";
import { PersonalController } from "../personal/personal.controller.js";
import { PolicyTrialsController } from "../policies/policy-trials.controller.js";
import { ReportsController } from "../reports/reports.controller.js";
import { SearchController } from "../search/search.controller.js";
import { SessionController } from "../sessions/session.controller.js";
import { RequirePermission } from "../sessions/session.guard.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { ViewsController } from "../views/views.controller.js";
import { CLIENT_ROUTES } from "./report-routes.js";
import { ROUTES } from "./routes.js";

const CONTROLLERS = [
  ...[AttachmentsController, CaseFilesController, CasesController, PeopleController, DecisionSearchController],
  ...[EntitiesController, LiveController, PersonalController, PolicyTrialsController, ReportsController],
  ...[OverviewController, SearchController, SessionController, UnmatchedReportsController, ViewsController],
];
const documented = z.object({
  servers: z.array(z.object({ url: z.url() })),
  paths: z.record(z.string(), z.unknown()),
  components: z.object({ securitySchemes: z.object({ session: z.object({ in: z.literal("cookie") }) }) }),
});

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(() => bed?.close());

test("regression #24: describes exactly the routes of the page, with their permissions", () => {
  const described = ROUTES.map(({ method, path, scope }) => `${method} ${path} ${scope}`);
  expect(described.toSorted()).toEqual(describedRoutes(CONTROLLERS, RequirePermission).toSorted());
  const ofClients = CLIENT_ROUTES.map(({ method, path, scope }) => `${method} ${path} ${scope}`);
  expect(ofClients).toEqual(describedRoutes([FraudReportApiController], RequireScope));
});

test("regression #24: serves the document without a session; regression #32: compressed", async () => {
  const response = await fetch(`${bed.service.url}/openapi.json`);
  expect(response.headers.get("content-encoding")).toBe("gzip");
  const { servers, paths } = documented.parse(await response.json());
  expect(servers).toEqual([{ url: bed.service.url }]);
  expect(Object.keys(paths)).toContain("/api/cases/{id}/verdict");
});

test("regression #24: responds with 405 to another method on a known path", async () => {
  const response = await fetch(`${bed.service.url}/api/policy/backtest`);
  expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
});

test("regression #24: responds with 414, not 405, to an ID that is too long", async () => {
  const response = await fetch(`${bed.service.url}/api/views/${"a".repeat(300)}`);
  expect([response.status, await response.json()]).toEqual([
    414,
    expect.objectContaining({ code: "address-too-long" }),
  ]);
});

test.each(["/api/nothing", "/api", "/v1/transactions", "/v2/models", "/oauth/token", "/session/nothing"])(
  "regression #24: responds to an unknown API path with a problem document, not with the page: %s",
  async (path) => {
    const response = await fetch(bed.service.url + path);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      404,
      expect.stringContaining("application/problem+json"),
    ]);
    expect(await response.json()).toMatchObject({ code: "not-found" });
  },
);
