import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TestArchive } from "@tripline/lake/testing/archive";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { publishAmountModel } from "../../testing/amount-model.js";
import { modelsCommand } from "./models.js";

const spec = currentFeatureSpec();
const NOON_MS = Date.UTC(2026, 1, 10, 12);
const PROFILES = spec.features.flatMap(({ kind, name }) => (kind === "profile" ? [name] : []));

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-check-"));
});
afterEach(async () => {
  process.exitCode = undefined;
  await rm(folder, { recursive: true, force: true });
});

/** Payments with default profile values unless profiles are materialised. */
async function archive(count: number, areMaterialised: boolean, everyMs = 1): Promise<void> {
  const vectors = Array.from({ length: count }, (_, index) => {
    const transaction = {
      transactionId: `txn_${index}`,
      tenant: "demo",
      clientTransactionId: `c${index}`,
      ...UNSENT,
      terminalId: "t-1",
      cardToken: `ct_${index}`,
      amountMinor: 1_000 + index,
      currency: "EUR",
      occurredAtMs: NOON_MS + index * everyMs,
      acceptedAtMs: NOON_MS,
    };
    const valueNamed = (name: string) => (PROFILES.includes(name) ? (areMaterialised ? index : 0) : 1);
    const values = spec.features.map(({ name }) => valueNamed(name));
    const vector = { transaction, specVersion: spec.version, values, incomplete: false, computedAtMs: NOON_MS };
    return FeatureVector.encode({ ...vector, sequences: [1], tooLate: false, profileTimesMs: [] }).finish();
  });
  const lake = new TestArchive(join(folder, "lake"), { cluster: "test", topicPrefix: "" });
  await lake.append(
    "features",
    vectors.map((value, offset) => ({ partition: 0, offset, value })),
  );
}

/** @param used undefined for a version from before manifests listed used features */
async function check(used: readonly string[] | undefined): Promise<string> {
  const registry = pathToFileURL(join(folder, "registry")).href;
  const version = await publishAmountModel(registry, 10, undefined, used);
  await openRegistry(registry).setAlias("fraud", "champion", version);
  const printed: string[] = [];
  const command = modelsCommand({ write: (text) => printed.push(text) > 0 });
  const args = ["check", "--registry", registry, "--lake", join(folder, "lake")];
  await command.parseAsync(args, { from: "user" });
  return printed.join("").replaceAll(version, "<version>").trim();
}

test("regression #24: reports a champion whose profiles are not materialised, and says how to fix it", async () => {
  await archive(120, false);
  expect(await check(["amount", "card_age", "terminal_profile_amount"])).toBe(
    "fraud <version> uses card_age, terminal_profile_amount, which never changed in 120 payments of the last 7 days of the " +
      "lake. Materialise the profiles and add them to FEAST_PROFILES (docs/features.md#profiles), or retrain the model: a new model " +
      "ignores features that are constant online.",
  );
  expect(process.exitCode).toBe(3);
});

test("regression #24: a version without a list of used features counts as using all its inputs", async () => {
  await archive(120, false);
  expect(await check(undefined)).toContain(`uses ${PROFILES.join(", ")}, which never change`);
  expect(process.exitCode).toBe(3);
});

test("accepts materialised profiles, and a model that uses no profiles", async () => {
  await archive(120, true);
  expect(await check(["amount", "card_age"])).toMatch(
    /No feature that fraud <version> uses is constant in 120 payments/,
  );
  expect(process.exitCode).toBeUndefined();
});

test("requires no profiles for a model that uses none, and tolerates an amount that is constant within one minute", async () => {
  await archive(120, false);
  expect(await check(["amount"])).toMatch(/No feature .* is constant/);
  expect(process.exitCode).toBeUndefined();
});

test("reports other constant features after a week, but not label features, because labels can be rare", async () => {
  await archive(1_000, true, 600_000);
  expect(await check(["amount", "card_age", "card_fraud_count_7d"])).toMatch(
    /uses amount, which never changed in 1000/,
  );
});

test("reports nothing if there are too few payments", async () => {
  await archive(99, false);
  expect(await check(["card_age"])).toMatch(/No feature .* is constant in 99 payments/);
});
