import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { BenchError } from "../../harness/bench-error.js";
import { findK6 } from "./find-k6.js";

const folder = mkdtempSync(join(tmpdir(), "tripline-k6-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program that answers `version` as k6 does. */
function program(name: string, answer: string, exitCode = 0): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\necho '${answer}'\nexit ${exitCode}\n`);
  chmodSync(path, 0o755);
  return path;
}

const HOW = /: install it \(https:\/\/grafana\.com\/docs\/k6\/\S+\), or set K6_BIN to the path of the program\.$/;

async function refusal(environment: Record<string, string>): Promise<string> {
  const error: unknown = await findK6(environment).catch((thrown: unknown) => thrown);
  if (!(error instanceof BenchError)) throw new Error(`it was not refused: ${JSON.stringify(error)}`);
  return error.message;
}

test("explains how to install k6 if it is not on the PATH", async () => {
  const message = await refusal({ PATH: [folder, "/nowhere"].join(delimiter) });
  expect(message).toMatch(/^k6 is not on the PATH: /);
  expect(message).toMatch(HOW);
});

test("reports a K6_BIN that does not exist", async () => {
  const message = await refusal({ K6_BIN: join(folder, "absent"), PATH: "" });
  expect(message).toContain(`${join(folder, "absent")} cannot be run as k6`);
  expect(message).toMatch(HOW);
});

test("rejects an old k6 and names its version", async () => {
  const message = await refusal({ K6_BIN: program("old", "k6 v1.7.1 (commit/abc, go1.26, linux/amd64)") });
  expect(message).toContain("is k6 1.7.1, but the scripts require 2.0 or newer");
  expect(message).toMatch(HOW);
});

test("rejects a program that is not k6 and one that fails", async () => {
  expect(await refusal({ K6_BIN: program("other", "hello") })).toContain("does not identify itself as k6");
  expect(await refusal({ K6_BIN: program("failing", "k6 v2.2.0", 3) })).toContain("cannot be run as k6");
});

test("K6_BIN takes precedence over the PATH, which is searched in order", async () => {
  const onPath = program("k6", "k6 v2.0.0 (linux/amd64)");
  const named = program("newer", "k6 v2.2.0 (commit/devel, go1.26.8, linux/amd64)");
  await expect(findK6({ K6_BIN: named, PATH: folder })).resolves.toEqual({ path: named, version: "2.2.0" });
  await expect(findK6({ PATH: ["/nowhere", folder].join(delimiter) })).resolves.toEqual({
    path: onPath,
    version: "2.0.0",
  });
});
