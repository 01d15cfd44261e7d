import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backfill } from "@tripline/backfill/backfill";
import type { ParityReport } from "@tripline/backfill/compare/check-parity";
import { checkParity, printParity } from "@tripline/backfill/compare/check-parity";
import { fileSource } from "@tripline/backfill/input/transactions-source";
import { writeHistory } from "@tripline/backfill/input/write-history";
import { loadProfiles } from "@tripline/backfill/profiles/load-profiles";
import { issuerOf } from "@tripline/cli/demo/simulated-issuer";
import type { PaymentUpdate } from "@tripline/client";
import type { Feature } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { eventsFrom } from "@tripline/simulator/merge-labels";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { readTopic } from "@tripline/system/ledger/ledger";
import { replay } from "@tripline/system/replay/replay";
import { sendUnordered } from "@tripline/system/replay/send-unordered";
import type { UpdatesOf } from "@tripline/system/replay/send-updates";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import type { InProcessSystem } from "../support/in-process-system.js";
import { testModel } from "../support/test-model.js";

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2025, 2, 3);
const HISTORY_DAYS = 20;
const ORDERED_UNTIL_MS = START_MS + 12 * HOUR_MS;
const UNTIL_MS = START_MS + 48 * HOUR_MS;

const DECLINED = { kind: ["declined"] };
const STATED = { default: 0, sentence: "It is {value}." };
/** The shipped spec has no features over payment updates. */
const OVER_UPDATES: readonly Feature[] = [
  { name: "card_declines_1d", kind: "update_count", entity: "card", window: "1d", where: DECLINED, ...STATED },
  { name: "terminal_declines_7d", kind: "update_count", entity: "terminal", window: "7d", where: DECLINED, ...STATED },
  {
    name: "device_sum_7d",
    kind: "update_sum",
    entity: "device",
    window: "7d",
    where: { kind: ["captured"] },
    ...STATED,
  },
  { name: "card_declined_share_7d", kind: "declined_share", entity: "card", window: "7d", ...STATED },
];

const spec = currentFeatureSpec();
const shippedFeatures = spec.features.length;
const lake = mkdtempSync(join(tmpdir(), "tripline-parity-"));
const history = mkdtempSync(join(tmpdir(), "tripline-parity-history-"));
const profilesPath = join(history, "profiles");
const world = { seed: 11, cards: 400, terminals: 150, startMs: START_MS - HISTORY_DAYS * 24 * HOUR_MS };
/** Payments at online shops have no terminal. */
const simulation = createSimulation({ ...world, omitsOnlineTerminals: true });
let system: InProcessSystem;

beforeAll(async () => {
  const { registryUrl } = await testModel();
  // The services in this process share the spec. The model does not match it, so payments in this test have no score.
  spec.features.push(...OVER_UPDATES);
  const { startInProcess } = await import("../support/in-process-system.js");
  system = await startInProcess({ registryUrl, lakeDirectory: lake, readsProfiles: true });
  await bringProfilesOnline();
});

/** The profiles of a history that the services have not seen, as in the demo. */
async function bringProfilesOnline(): Promise<void> {
  const { secrets, stack } = system;
  const cardTokenKey = Buffer.from(secrets.cardTokenKey, "base64");
  const path = join(history, "transactions.parquet");
  await writeHistory({ simulation: world, untilMs: START_MS, tenant: DEMO_TENANT, cardTokenKey, path });
  const outputPath = join(history, "features.parquet");
  await backfill({ spec, source: fileSource(path), tenant: DEMO_TENANT, outputPath, profilesPath, untilMs: START_MS });
  await loadProfiles({ folder: profilesPath, redis: stack.redisUrl, untilMs: START_MS });
}

afterAll(async () => {
  await system.close();
  for (const folder of [lake, history]) rmSync(folder, { recursive: true, force: true });
});

// Later test files in this process share the spec. With more features than the model has, scoring rejects their requests.
afterAll(() => void spec.features.splice(shippedFeatures));

function eventsBetween(fromMs: number, untilMs: number) {
  const payments: SimulatedPayment[] = [];
  const labels: SimulatedPayment[] = [];
  for (const { kind, atMs, payment } of eventsFrom(simulation, fromMs)) {
    if (atMs >= untilMs) break;
    (kind === "label" ? labels : payments).push(payment);
  }
  return { payments, labels };
}

/** The simulated issuer's responses, and a capture of each authorised payment. */
function updatesFor(payments: readonly SimulatedPayment[]): UpdatesOf {
  const issuer = issuerOf(payments);
  return (payment, decision) =>
    issuer(payment, decision).flatMap((answer): PaymentUpdate[] => {
      if (answer.kind !== "authorised") return [answer];
      const amount = { minor: payment.amountMinor, currency: payment.currency } as NonNullable<PaymentUpdate["amount"]>;
      const { transaction_id, card, occurred_at } = answer;
      return [answer, { transaction_id, card, occurred_at, update_id: "capture", kind: "captured", amount }];
    });
}

/** Features over payment updates that are zero in all vectors. */
async function unusedFeatures(): Promise<string[]> {
  const used = new Set<string>();
  await readTopic(system.kafka, TOPICS.features.name, ({ value }) => {
    const { values } = FeatureVector.decode(value);
    for (const [index, { name }] of spec.features.entries()) if (values[index] !== 0) used.add(name);
  });
  return OVER_UPDATES.map(({ name }) => name).filter((name) => !used.has(name));
}

async function check(
  engine = compileEngine(spec),
  tables: { profilesPath?: string } = { profilesPath },
): Promise<ParityReport> {
  await awaitArchive(system.kafka, lake);
  return checkParity({ engine, lake, ...tables });
}

test("recomputing archived features gives the online values, bit for bit", async () => {
  const { client } = system;
  const ordered = eventsBetween(START_MS, ORDERED_UNTIL_MS);
  expect(ordered.payments.filter(({ terminalId }) => terminalId === null)).not.toEqual([]);
  await replay({
    client,
    payments: ordered.payments,
    labelled: ordered.labels,
    fromMs: START_MS,
    toMs: ORDERED_UNTIL_MS,
    updatesOf: updatesFor(ordered.payments),
  });
  const first = await check();
  const inOrder = ordered.payments.length;
  expect(first).toMatchObject({ rows: inOrder, mismatches: 0, stuck: 0, skipped: 0, strayed: 0 });

  const unordered = eventsBetween(ORDERED_UNTIL_MS, UNTIL_MS);
  await sendUnordered({ client, ...unordered, updatesOf: updatesFor(unordered.payments) });
  const report = await check();
  const rows = ordered.payments.length + unordered.payments.length;
  expect(report).toMatchObject({ rows, features: spec.features.length, mismatches: 0, stuck: 0, skipped: 0 });
  expect(report.strayed).toBeGreaterThan(0);
  // A card whose first payment is on one of these days has no profile yet.
  expect(report.profiled).toBeGreaterThan(rows / 2);
  expect(await unusedFeatures()).toEqual([]);
  process.stdout.write(`${printParity(report)}\n`);
});

test("detects a profile that is missing from the tables", async () => {
  const report = await check(compileEngine(spec), {});
  expect(report.mismatches).toBeGreaterThan(0);
  const ofProfiles = new Set(spec.features.flatMap(({ kind, name }) => (kind === "profile" ? [name] : [])));
  expect(report.examples.filter(({ feature }) => !ofProfiles.has(feature))).toEqual([]);
});

test("detects an engine that is off by one tile", async () => {
  const windows = Object.entries(spec.windows).map(([name, { width, tile }]) => [
    name,
    { width: `${(width + (name === "1d" ? tile : 0)) / 60_000}m`, tile: `${tile / 60_000}m` },
  ]);
  const profiles = { card: { max_age: "90d" }, terminal: { max_age: "90d" } };
  const off = parseFeatureSpec(JSON.stringify({ ...spec, profiles, windows: Object.fromEntries(windows) }));
  const report = await check(compileEngine(off));
  expect(report.mismatches).toBeGreaterThan(0);
  const names = new Set(report.examples.map((example) => example.feature));
  expect([...names].every((name) => name.includes("1d"))).toBe(true);
});
