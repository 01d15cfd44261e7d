import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import type { TestBed } from "./testing/test-bed.js";
import { startTestBed } from "./testing/test-bed.js";
import { eventually, newCard, testPayment } from "./testing/test-records.js";

const onIdleError = (): void => {};

let directory: string;
let postgres: LocalStack;
let bed: TestBed;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tripline-console-"));
  postgres = await startStack({ directory, parts: ["postgres"], isDurable: false, endOnSignals: false });
  // The first connection may take longer than a service waits.
  const database = connectDatabase({
    url: postgres.postgresUrl,
    connectionsMax: 1,
    queryTimeoutMs: 10_000,
    onIdleError,
  });
  await eventually(() => database.execute("SELECT 1"));
  await database.close();
  bed = await startTestBed({ POSTGRES_URL: postgres.postgresUrl });
});

afterAll(async () => {
  await bed?.close();
  await postgres?.stop();
  await rm(directory, { recursive: true, force: true });
});

test("reports a lost database and catches up afterwards, and users stay signed in", async () => {
  const browser = await bed.as(bed.people.analyst);
  await expect(browser.get("/api/cases")).resolves.toMatchObject({ status: 200, body: { total: 0 } });
  await postgres.postgres.kill();
  await eventually(async () => {
    expect(await browser.get("/api/cases")).toMatchObject({ status: 503, body: { code: "database-unavailable" } });
  });
  const card = newCard();
  const missed = testPayment(bed.tenant, { card });
  await bed.producer.send([missed.vector, missed.decision]);
  await postgres.postgres.start();
  await eventually(async () => {
    expect(await browser.get(`/api/cases?search=${card}`)).toMatchObject({ status: 200, body: { total: 1 } });
  });
});
