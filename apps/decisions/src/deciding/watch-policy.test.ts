import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Policy } from "@tripline/decision-engine/policy";
import { unreadFeatures } from "@tripline/decision-engine/unread-features";
import type { PolicyWatch } from "./watch-policy.js";
import { watchPolicy } from "./watch-policy.js";

const SHIPPED = fileURLToPath(new URL("../../policy.yaml", import.meta.url));

describe("watchPolicy", () => {
  let folder: string;
  let file: string;
  let good: string;
  let watch: PolicyWatch;
  let onReload: (policy: Policy) => void;
  let onRefused: (error: TriplineError) => void;
  const nextReload = () => new Promise<Policy>((resolve) => (onReload = resolve));
  const nextRefusal = () => new Promise<TriplineError>((resolve) => (onRefused = resolve));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "policy-"));
    file = join(folder, "policy.yaml");
    good = await readFile(SHIPPED, "utf8");
    await writeFile(file, good);
    onReload = () => {};
    onRefused = () => {};
    watch = await watchPolicy({
      file,
      spec: currentFeatureSpec(),
      unread: unreadFeatures(currentFeatureSpec(), ["terminal"]),
      pollMs: 20,
      onReload: (policy) => onReload(policy),
      onRefused: (error) => onRefused(error),
    });
  });
  afterEach(async () => {
    watch.close();
    await rm(folder, { recursive: true });
  });

  test("the shipped policy is valid", () => {
    expect(watch.current.version).toMatch(/^1\+/);
    expect(watch.current.rules.length).toBeGreaterThan(4);
  });

  test("a valid change takes effect", async () => {
    const reloaded = nextReload();
    await writeFile(file, good.replace('version: "1"', 'version: "2"'));
    expect((await reloaded).version).toMatch(/^2\+/);
    expect(watch.current.version).toMatch(/^2\+/);
  });

  test("regression #26: rejects a policy that needs an unread profile, and accepts others", async () => {
    const refused = nextRefusal();
    await writeFile(file, good.replace("amount >= 1000", "amount >= 1000 && card_age < 2.0"));
    expect(await refused).toMatchObject({
      code: "policy-invalid",
      message:
        "policy.yaml:1:1 The policy uses card_age from profiles that the features service does not read: add these to FEAST_PROFILES.",
    });
    const reloaded = nextReload();
    await writeFile(file, good.replace("is very large.", "is very large ({terminal_profile_amount})."));
    expect((await reloaded).readFeatures.map(({ name }) => name)).toContain("terminal_profile_amount");
  });

  test("a replaced file takes effect", async () => {
    const reloaded = nextReload();
    await writeFile(join(folder, "next"), good.replace('version: "1"', 'version: "3"'));
    await rename(join(folder, "next"), file);
    expect((await reloaded).version).toMatch(/^3\+/);
  });

  test("an invalid change is rejected with its line, the old policy stays in force, and a corrected file takes effect", async () => {
    const before = watch.current;
    const refused = nextRefusal();
    await writeFile(file, good.replace("amount >= 1000", "amuont >= 1000"));
    const error = await refused;
    expect(error.code).toBe("policy-invalid");
    expect(error.message).toMatch(/^policy\.yaml:\d+:\d+ rules\.\d+\.when .*amuont/);
    expect(watch.current).toBe(before);
    const reloaded = nextReload();
    await writeFile(file, good.replace('version: "1"', 'version: "4"'));
    expect((await reloaded).version).toMatch(/^4\+/);
  });

  test("a deleted file is reported, and the old policy stays in force", async () => {
    const before = watch.current;
    const refused = nextRefusal();
    await rm(file);
    expect((await refused).code).toBe("config-invalid");
    expect(watch.current).toBe(before);
    await writeFile(file, good);
  });
});

test("a half-written file is not used, even if that half is valid", async () => {
  const good = await readFile(SHIPPED, "utf8");
  const half = good.replace('version: "1"', 'version: "half"');
  const whole = good.replace('version: "1"', 'version: "whole"');
  const looks = [good, half, whole, whole];
  const versions: string[] = [];
  const watch = await new Promise<PolicyWatch>((resolve) => {
    const started = watchPolicy({
      file: "policy.yaml",
      spec: currentFeatureSpec(),
      pollMs: 5,
      read: async () => looks.shift() ?? whole,
      onReload(policy) {
        versions.push(policy.version);
        resolve(started);
      },
      onRefused: () => {},
    });
  });
  expect(versions).toEqual([expect.stringMatching(/^whole\+/)]);
  watch.close();
});

test("the service does not start with a faulty policy, or without one", async () => {
  const options = { spec: currentFeatureSpec(), onReload: () => {}, onRefused: () => {} };
  const file = fileURLToPath(new URL("../../package.json", import.meta.url));
  await expect(watchPolicy({ ...options, file })).rejects.toMatchObject({ code: "policy-invalid" });
  await expect(watchPolicy({ ...options, file: `${file}.none` })).rejects.toMatchObject({ code: "config-invalid" });
});
