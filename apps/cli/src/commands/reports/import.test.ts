import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { importCommand } from "./import.js";

const MAPPING = `
report:
  report_id: { column: ID }
  kind: tc40
  card: { column: PAN, holds: number }
  amount: { column: AMOUNT }
  currency: { constant: EUR }
  occurred_at: { column: DAY, format: "%Y-%m-%d" }
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tripline-import-"));
  process.env.CLIENT_ID = "a-client";
  process.env.CLIENT_SECRET = "a-secret";
});
afterEach(() => {
  delete process.env.CLIENT_ID;
  delete process.env.CLIENT_SECRET;
  rmSync(folder, { recursive: true, force: true });
});

const KEY = Buffer.alloc(32, 7).toString("base64");

async function importOne(api: string, given: readonly string[]): Promise<void> {
  writeFileSync(join(folder, "mapping.yaml"), MAPPING);
  const path = join(folder, "tc40.csv");
  writeFileSync(path, "ID,PAN,AMOUNT,DAY\nF1,4111111111111111,5,2026-01-01\n");
  const options = ["--map", join(folder, "mapping.yaml"), "--api", api, "--token-url", `${api}/token`, ...given];
  await importCommand(process.stdout).parseAsync([path, ...options], { from: "user" });
}

test.each([
  ["neither", []],
  ["no tenant", ["--card-token-key", KEY]],
  ["no key", ["--tenant", "acme"]],
])("regression #30: rejects an import to another system with %s before anything is sent", async (_title, given) => {
  const run = importOne("https://tripline.example", given);
  await expect(run).rejects.toThrow("Specify --card-token-key and --tenant for https://tripline.example");
});

test("regression #30: a client on a forwarded port does not get the demo's tokens", async () => {
  mkdirSync(STATE_DIRECTORY, { recursive: true });
  const workspace = mkdtempSync(join(STATE_DIRECTORY, "test-import-"));
  try {
    writeFileSync(workspaceIn(workspace).secrets, JSON.stringify({ cardTokenKey: KEY }));
    const run = importOne("http://127.0.0.1:1", ["--workspace", basename(workspace)]);
    await expect(run).rejects.toThrow("Specify --card-token-key and --tenant for http://127.0.0.1:1");
  } finally {
    rmSync(workspace, { recursive: true, force: true });
  }
});
