import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDecider } from "@tripline/ingestion/testing/decider";
import type { TestBed } from "@tripline/ingestion/testing/service";
import { startTestBed } from "@tripline/ingestion/testing/service";
import { installSchemathesis, runSchemathesis } from "./run-schemathesis.js";

/** The short version of `npx tripline test apis`: only ingestion, without the services behind it. */

const EXAMPLES = 5;
const TEST_MS_MAX = 300_000;

let folder: string;
let bed: TestBed;
let decider: TestDecider;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tripline-fuzz-"));
  bed = await startTestBed();
  decider = new TestDecider(bed.kafka, bed.redis);
  await decider.start();
}, TEST_MS_MAX);

afterAll(async () => {
  await decider?.close();
  await bed?.close();
  rmSync(folder, { recursive: true, force: true });
});

test(
  "responses to schemathesis's requests conform to the OpenAPI document",
  async () => {
    const program = await installSchemathesis();
    const authorization = await bed.issuer.authorization();
    const printed: string[] = [];
    const print = (text: string): void => void printed.push(text);
    const exitCode = await runSchemathesis(program, {
      url: bed.service.url,
      headers: { authorization },
      examples: EXAMPLES,
      folder,
      print,
    });
    expect([exitCode, exitCode === 0 ? "" : printed.join("")]).toEqual([0, ""]);
    expect(printed.join("")).toMatch(/Operations:\s+\d+ selected/);
  },
  TEST_MS_MAX,
);
