import { DriftDetected } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { publication, temporaryRegistry } from "@tripline/model-registry/testing/publications";
import { z } from "zod";
import type { ModelsReport } from "../contract/operations.js";
import type { FakeService } from "../testing/fake-service.js";
import { startFakeService } from "../testing/fake-service.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { eventually, testPayment } from "../testing/test-records.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let archive: FakeService;
let bed: TestBed;
let version: string;
let removeRegistry: () => Promise<void>;

beforeAll(async () => {
  const files = await temporaryRegistry();
  removeRegistry = files.remove;
  const registry = openRegistry(files.url);
  const given = publication("of the test");
  const { manifest } = given;
  const curve = [{ mean_score: 0.1, fraud_share: 0.12, rows: 900 }];
  const metrics = {
    train: { rows: 4_000, frauds: 40, first: "x", last: "y" },
    valid: { average_precision: 0.71, auc_roc: null },
    calibration: { ece: 0.002, kind: "isotonic", curve },
    retrain: { money: { sentence: "It saves 12.00 EUR per day.", total: { value: 12 } } },
    segments: [
      {
        kind: "amount",
        name: "0 to 10",
        rows: 90,
        frauds: 2,
        mean_score: 0.01,
        average_precision: null,
        auc_roc: null,
        calibration: { value: 1.1, low: 0.9, high: 1.3 },
        false_positives: { band: 0.15, value: 0.02, low: null, high: null },
      },
      // A model that was registered before calibration was measured.
      {
        kind: "hour (UTC)",
        name: "00:00 to 06:00",
        rows: 9,
        frauds: 0,
        mean_score: 0,
        average_precision: null,
        auc_roc: null,
      },
    ],
  };
  const lineage = { ...manifest.lineage, known_by: "2026-03-01T00:00:00Z" };
  ({ version } = await registry.publish({ ...given, manifest: { ...manifest, metrics, lineage } }));
  await registry.setAlias(given.name, "champion", version);
  archive = await startFakeService();
  bed = await startTestBed({ REGISTRY_URL: files.url, WATCHED_SERVICES: `archive=${archive.url}` });
});

afterAll(async () => {
  await bed?.close();
  archive?.close();
  await removeRegistry?.();
});

test("a model card shows training data, performance and calibration", async () => {
  const browser = await bed.as(bed.people.analyst);
  const { status, body } = await browser.get(`/api/models/${version}`);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    version,
    aliases: ["champion"],
    calibration: [{ meanScore: 0.1, fraudShare: 0.12, labels: 900 }],
    segments: [
      {
        ...{ kind: "amount", name: "0 to 10", payments: 90, frauds: 2, meanScore: 0.01, aucRoc: null },
        calibration: { value: 1.1, low: 0.9, high: 1.3 },
        falsePositives: { band: 0.15, value: 0.02, low: null, high: null },
      },
      { name: "00:00 to 06:00", calibration: null, falsePositives: null },
    ],
    money: "It saves 12.00 EUR per day.",
    training: { payments: 4_000, frauds: 40, knownByMs: Date.UTC(2026, 2, 1), fromMs: null },
    measures: [
      { name: "valid.average_precision", value: 0.71 },
      { name: "calibration.ece", value: 0.002 },
    ],
  });
  for (const unknown of ["0123456789ab", "..%2F..%2Fmodel"]) {
    await expect(browser.get(`/api/models/${unknown}`)).resolves.toMatchObject({
      status: 404,
      body: { code: "model-not-found" },
    });
  }
});

test("health shows the archive's last run and the services' progress with erasures", async () => {
  const run = { ended_at: "2026-03-01T12:00:00.000Z", took_ms: 84, rows: 900, files: 2 };
  archive.answer = {
    status: 200,
    body: {
      checks: { lake: "ok", missing_records: "records that Kafka had deleted: 2" },
      writing: [
        { topic: "features", written: run, failure: null },
        { topic: "labels", written: null, failure: "The lake is full." },
      ],
      compaction: { ...run, days: 2, merged: 1, days_left: 3, failure: null },
      snapshots: {
        newest_at: "2026-03-01T06:00:00.000Z",
        interval_hours: 6,
        run: {
          ended_at: run.ended_at,
          took_ms: 84,
          states: 0,
          events: 0,
          failure: "Redis has lost the window states.",
        },
      },
      publication: {
        ended_at: run.ended_at,
        took_ms: 84,
        interval_minutes: 5,
        tables: 2,
        files: 3,
        failure: "The catalog is unavailable.",
      },
    },
  };
  const last = { atMs: Date.UTC(2026, 2, 1, 12), tookMs: 84, rows: 900, files: 2 };
  // The console needs a moment to join its consumer groups.
  await eventually(async () => expect((await fetch(`${bed.service.url}/health/ready`)).status).toBe(200));
  const browser = await bed.as(bed.people.viewer);
  const { body } = await browser.get("/api/health");
  expect(body).toMatchObject({
    services: expect.arrayContaining([
      { name: "archive", isReady: true, detail: "missing_records: records that Kafka had deleted: 2", works: ["lake"] },
      {
        name: "console",
        isReady: true,
        detail: null,
        works: expect.arrayContaining(["postgres", "labels", "policy_checks", "case_events", "report_labels"]),
      },
    ]),
    archive: {
      writing: [
        { topic: "features", last, failure: null },
        { topic: "labels", last: null, failure: "The lake is full." },
      ],
      compaction: { days: 2, merged: 1, daysLeft: 3, failure: null, ...last },
      snapshots: {
        newestAtMs: Date.UTC(2026, 2, 1, 6),
        intervalHours: 6,
        last: { atMs: last.atMs, tookMs: 84, states: 0, events: 0, failure: "Redis has lost the window states." },
      },
      publication: { atMs: last.atMs, tookMs: 84, tables: 2, files: 3, failure: "The catalog is unavailable." },
    },
    lag: expect.arrayContaining([
      { group: "console-erasures", topic: "erasures", records: expect.any(Number) },
      { group: "features-erasures", topic: "erasures", records: expect.any(Number) },
    ]),
  });
});

test("shows each day with drift once, for all tenants and for the user's own tenant", async () => {
  const drift = (eventId: string, tenant: string, day: string) => ({
    topic: TOPICS.driftDetected.name,
    key: "fraud",
    headers: {},
    value: DriftDetected.encode({
      eventId,
      modelName: "fraud",
      tenant,
      day,
      comparedFrom: "2026-03-01",
      comparedTo: "2026-03-14",
      rows: 900,
      columns: [{ column: "amount", kind: "feature", distance: 0.4, threshold: 0.1, pValue: 0.001 }],
      sentence: "Amounts are higher.",
      detectedAtMs: Date.now(),
    }).finish(),
  });
  const all = drift(`${bed.tenant}-1`, "", "2026-03-15");
  const own = drift(`${bed.tenant}-2`, bed.tenant, "2026-03-17");
  await bed.producer.send([all, drift(`${bed.tenant}-3`, "another", "2026-03-16"), all, own]);
  // The report is cached for some seconds, so it is requested once.
  await eventually(async () => {
    const kept = "SELECT event_id FROM console.drifts WHERE event_id = $1";
    expect(await bed.database.query(z.object({ event_id: z.string() }), kept, [`${bed.tenant}-2`])).toHaveLength(1);
  });
  const browser = await bed.as(bed.people.analyst);
  const { drifts } = (await browser.get("/api/models")).body as ModelsReport;
  const ours = drifts.filter(({ day }) => day.startsWith("2026-03"));
  expect(ours.map(({ day }) => day)).toEqual(["2026-03-17", "2026-03-15"]);
  expect(ours[0]).toMatchObject({
    model: "fraud",
    payments: 900,
    sentence: "Amounts are higher.",
    comparedTo: "2026-03-14",
    columns: [{ column: "amount", kind: "feature", distance: 0.4, threshold: 0.1 }],
  });
});

test("regression #30: label-based figures use only payments that are old enough for a verdict", async () => {
  const nowMs = Date.now();
  // The payment's age matters, not the age of its decision. One of the old payments was imported.
  const [old, recent] = [nowMs - 12 * DAY_MS, nowMs - HOUR_MS].map((atMs) =>
    [atMs, nowMs].map((decidedAtMs) => testPayment(bed.tenant, { atMs, decidedAtMs, score: 0.74 })),
  );
  const [fraud, disputed] = [old?.[0], recent?.[0]];
  if (fraud === undefined || disputed === undefined) throw new Error("there are two of each");
  const payments = [...(old ?? []), ...(recent ?? [])];
  await bed.producer.send(payments.flatMap(({ vector, decision }) => [vector, decision]));
  // Nobody labels genuine payments, so those without a label count as genuine once they are old enough.
  await bed.producer.send([fraud.label(true, nowMs - 7 * DAY_MS), disputed.label(true, nowMs)]);
  // A chargeback that was won late changes neither this assumption nor the label delay.
  const wonAtMs = nowMs - 62 * DAY_MS;
  const won = testPayment(bed.tenant, { atMs: wonAtMs, decidedAtMs: wonAtMs });
  await bed.producer.send([won.vector, won.decision, won.label(false, nowMs - DAY_MS)]);
  await eventually(async () => {
    const kept = "SELECT fraud FROM console.labels WHERE transaction_id = $1";
    expect(await bed.database.query(z.object({ fraud: z.boolean() }), kept, [won.transactionId])).toHaveLength(1);
  });
  const browser = await bed.as(bed.people.viewer);
  await eventually(async () => {
    const { body } = await browser.get("/api/models");
    expect(body).toMatchObject({
      champion: { decisions: 3, labels: 2, frauds: 1, precision: 0.5, fraudScore: 0.74, genuineScore: 0.74 },
      calibration: [{ labels: 2, fraudShare: 0.5 }],
      maturity: { delayDays: 6, payments: 2 },
    });
  });
});
