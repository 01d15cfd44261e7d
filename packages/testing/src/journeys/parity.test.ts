import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ParityReport } from "@tripline/backfill/compare/check-parity";
import { checkParity, printParity } from "@tripline/backfill/compare/check-parity";
import { currentFeatureSpec, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/online/compile-engine";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { eventsFrom } from "@tripline/simulator/merge-labels";
import type { KnownPayment } from "@tripline/system/client/payment";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { replay } from "@tripline/system/replay/replay";
import { sendUnordered } from "@tripline/system/replay/send-unordered";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { testModel } from "../support/test-model.js";

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2025, 2, 3);
const ORDERED_UNTIL_MS = START_MS + 12 * HOUR_MS;
const UNTIL_MS = START_MS + 48 * HOUR_MS;

const spec = currentFeatureSpec();
const lake = mkdtempSync(join(tmpdir(), "tripline-parity-"));
const simulation = createSimulation({ seed: 11, cards: 400, terminals: 150, startMs: START_MS - 20 * 24 * HOUR_MS });
let system: InProcessSystem;

beforeAll(async () => {
  const { registryUrl } = await testModel();
  system = await startInProcess({ registryUrl, lakeDirectory: lake });
}, 120_000);

afterAll(async () => {
  await system.close();
  rmSync(lake, { recursive: true, force: true });
});

function eventsBetween(fromMs: number, untilMs: number) {
  const payments: KnownPayment[] = [];
  const labels: KnownPayment[] = [];
  for (const { kind, atMs, payment } of eventsFrom(simulation, fromMs)) {
    if (atMs >= untilMs) break;
    (kind === "label" ? labels : payments).push(payment);
  }
  return { payments, labels };
}

async function check(engine = compileEngine(spec)): Promise<ParityReport> {
  await awaitArchive(system.kafka, lake);
  return checkParity({ engine, lake });
}

test("archived features folded again and computed in bulk are those that went online, bit for bit", async () => {
  const { client } = system;
  const ordered = eventsBetween(START_MS, ORDERED_UNTIL_MS);
  await replay({
    client,
    payments: ordered.payments,
    labelled: ordered.labels,
    fromMs: START_MS,
    toMs: ORDERED_UNTIL_MS,
    onDecision() {},
  });
  const first = await check();
  const inOrder = ordered.payments.length;
  expect(first).toMatchObject({ rows: inOrder, bulkRows: inOrder, mismatches: 0, stuck: 0, skipped: 0, strayed: 0 });

  const unordered = eventsBetween(ORDERED_UNTIL_MS, UNTIL_MS);
  await sendUnordered({ client, ...unordered });
  const report = await check();
  const rows = ordered.payments.length + unordered.payments.length;
  expect(report).toMatchObject({ rows, features: spec.features.length, mismatches: 0, stuck: 0, skipped: 0 });
  expect(report.strayed).toBeGreaterThan(0);
  expect(report.bulkRows).toBeGreaterThan(inOrder);
  process.stdout.write(`${printParity(report)}\n`);
}, 120_000);

test("an engine with one tile off is detected", async () => {
  const windows = Object.entries(spec.windows).map(([name, { width, tile }]) => [
    name,
    { width: `${(width + (name === "1d" ? tile : 0)) / 60_000}m`, tile: `${tile / 60_000}m` },
  ]);
  const off = parseFeatureSpec(JSON.stringify({ ...spec, windows: Object.fromEntries(windows) }));
  const report = await check(compileEngine(off));
  expect(report.mismatches).toBeGreaterThan(0);
  const names = new Set(report.examples.map((example) => example.feature));
  expect([...names].every((name) => name.includes("1d"))).toBe(true);
});
