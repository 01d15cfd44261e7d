import { examineCloud } from "./examine-cloud.js";
import type { TestIdentityServer } from "./testing/identity-server.js";
import { startIdentityServer } from "./testing/identity-server.js";

let server: TestIdentityServer;

beforeAll(async () => {
  server = await startIdentityServer(() => ({ text: "token", seconds: 3_600 }));
});

afterAll(() => server.close());

test.each([
  ["aws", "AWS"],
  ["gcp", "Google"],
  ["azure", "Azure"],
])("requests credentials from %s", async (cloud, name) => {
  expect(await examineCloud(cloud, server.environment)).toEqual({
    name,
    ok: true,
    detail: "issued credentials that are valid for 60 minutes",
    fix: "",
  });
});

test.each<[string, Record<string, string | undefined>, string, string]>([
  ["oracle", {}, 'unknown cloud "oracle"', "use aws, gcp or azure"],
  ["aws", {}, "this process has no identity on AWS", "set AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE"],
  ["aws", { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" }, "AWS_REGION is not set", "set it to the region"],
  ["azure", {}, "this process has no identity on Azure", "set AZURE_CLIENT_ID, AZURE_TENANT_ID"],
  ["azure", { AZURE_AUTHORITY_HOST: "http://a" }, "AZURE_AUTHORITY_HOST is invalid", "it must start with https://"],
])("names what is missing for %s with %j", async (cloud, environment, detail, fix) => {
  expect(await examineCloud(cloud, environment)).toMatchObject({
    ok: false,
    detail,
    fix: expect.stringContaining(fix),
  });
});

test("access keys are not verified, and the finding says so", async () => {
  const keys = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_REGION: "eu-central-1" };
  expect(await examineCloud("aws", keys)).toMatchObject({ ok: true, detail: expect.stringContaining("not verified") });
});

test("reports the reason that the cloud gives", async () => {
  server.failWith(403);
  expect(await examineCloud("aws", server.environment)).toEqual({
    name: "AWS",
    ok: false,
    detail: expect.stringMatching(/^AWS STS issued no token \(HTTP 403\)/),
    fix: "see docs/connections.md",
  });
});
