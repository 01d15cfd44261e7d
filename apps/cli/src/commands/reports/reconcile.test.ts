import { once } from "node:events";
import { createServer } from "node:http";
import { reportsCommand } from "./reports.js";

const line = { file: "tc40.csv", kind: "tc40", currency: "EUR", amountMinor: 9_100 };
const counts = { reports: 5, matched: 4, unmatched: 1, duplicates: 0, amountDiffers: 2 };
const report = {
  ...{ reportId: "d-1", version: 1, kind: "chargeback", state: "ambiguous", amountMinor: 500, currency: "EUR" },
  ...{ occurredAtMs: 0, acquirerReference: "", file: "cb.csv" },
};
const ratio = {
  ...{ merchantId: "m-1", scheme: "visa", settled: 0, chargebacks: 2, fraudNotices: 0, ratio: null },
  programs: [{ program: "VAMP", level: "excessive", state: "unknown" }],
};
const ANSWERS: Readonly<Record<string, object>> = {
  "/oauth/token": { access_token: "t", token_type: "Bearer", expires_in: 300 },
  "/v1/fraud-reports/reconciliation": { lines: [{ ...line, ...counts }] },
  "/v1/fraud-reports/unmatched": { reports: [report], next: null },
  "/v1/fraud-reports/ratios": { lines: [ratio], isComplete: true, isCut: false },
};

const asked: string[] = [];
const server = createServer((request, response) => {
  const { pathname, search } = new URL(request.url ?? "", "http://localhost");
  asked.push(pathname + search);
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(ANSWERS[pathname] ?? {}));
});
let url: string;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  Object.assign(process.env, { CLIENT_ID: "a-client", CLIENT_SECRET: "a-secret" });
});
afterAll(() => {
  server.close();
  delete process.env.CLIENT_ID;
  delete process.env.CLIENT_SECRET;
  process.exitCode = 0;
});

async function run(...given: string[]): Promise<string> {
  const printed: string[] = [];
  const command = reportsCommand({ write: (text) => printed.push(text) });
  process.exitCode = 0;
  await command.parseAsync([...given, "--console", url, "--token-url", `${url}/oauth/token`], { from: "user" });
  return printed.join("");
}

test("reconcile prints a table with a total, and fails if a report is unmatched or has another amount", async () => {
  const text = await run("reconcile", "--file", "tc40.csv");
  expect(asked.at(-1)).toBe("/v1/fraud-reports/reconciliation?file=tc40.csv");
  const cells = text.split("\n").map((row) => row.split(/ {2,}/));
  expect(cells[1]).toEqual(["tc40.csv", "tc40", "EUR", "5", "4", "1", "0", "2", "9100"]);
  expect(cells[2]?.filter((cell) => cell !== "")).toEqual(["total", "5", "4", "1", "0", "2"]);
  expect(process.exitCode).toBe(1);
});

test("reconcile requests the last 30 days by default, and prints JSON lines", async () => {
  expect(JSON.parse(await run("reconcile", "--to", "2026-11-30", "--json"))).toMatchObject({ ...line, ...counts });
  expect(asked.at(-1)).toBe("/v1/fraud-reports/reconciliation?from=2026-11-01&to=2026-11-30");
});

test("list prints reports without a payment", async () => {
  expect(await run("list", "--state", "waiting", "--limit", "1")).toMatch(/\nd-1 +1 +chargeback +ambiguous +500 EUR/);
  expect(asked.at(-1)).toBe("/v1/fraud-reports/unmatched?state=waiting&limit=1");
});

test("if there is not enough data, ratios says so instead of printing 0 %", async () => {
  expect(await run("ratios", "--month", "2026-11")).toMatch(
    /\nm-1 +visa +0 +2 +0 +not enough data +VAMP excessive: unknown/,
  );
});
