import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startAuth } from "@tripline/auth/start-auth";
import { testConfig as authConfig, SHOP } from "@tripline/auth/testing/service";
import { startIngestion } from "@tripline/ingestion/start-ingestion";
import type { TestBed } from "@tripline/ingestion/testing/service";
import { testConfig as ingestionConfig, startTestBed } from "@tripline/ingestion/testing/service";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { BenchError } from "../harness/bench-error.js";
import { findK6 } from "./k6/find-k6.js";
import { readTranscript } from "./k6/read-transcript.js";
import { runK6, TRANSCRIPT_FILE } from "./k6/run-k6.js";
import { writePayments } from "./k6/write-payments.js";
import type { LoadSettings } from "./load-settings.js";
import { settingsFromEnvironment, settingsToEnvironment } from "./load-settings.js";

const SCRIPT = resolve(fileURLToPath(new URL("../../k6/run-scenario.ts", import.meta.url)));

/** Tripline does not include k6. Without it, these tests are skipped; `npm run load -- smoke` shows the rest. */
const k6 = await findK6(process.env).catch(() => undefined);
const withK6 = k6 === undefined ? describe.skip : describe;

withK6("the scripts in a real k6, against ingestion without a decisions service", () => {
  const folder = mkdtempSync(join(tmpdir(), "tripline-play-"));
  const payments = join(folder, "payments.ndjson");
  let bed: TestBed;
  let auth: RunningService;
  let ingestion: RunningService;
  let credentials: Record<string, string>;

  beforeAll(async () => {
    bed = await startTestBed();
    const [port = 0] = await findFreePorts(1);
    const issuer = `http://127.0.0.1:${port}`;
    // Tokens expire so soon that a run must renew them.
    const changes = { PORT: String(port), HOST: "127.0.0.1", AUTH_ISSUER: issuer, TOKEN_TTL_SECONDS: "5" };
    auth = await startAuth(authConfig(bed.stack.postgresUrl, changes));
    const keys = { AUTH_ISSUER: issuer, AUTH_JWKS_URL: `${issuer}/oauth/jwks` };
    ingestion = await startIngestion(ingestionConfig(bed.stack, bed.issuer, keys));
    await writePayments({ path: payments, seed: 1, cards: 50, terminals: 20, count: 100 });
    credentials = {
      TRIPLINE_TOKEN_URL: `${issuer}/oauth/token`,
      TRIPLINE_CLIENT_ID: SHOP.client_id,
      TRIPLINE_CLIENT_SECRET: SHOP.client_secret,
    };
  });
  afterAll(async () => {
    await ingestion?.close();
    await auth?.close();
    await bed?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function play(name: string, environment: Record<string, string>, changes: Record<string, string> = {}) {
    if (k6 === undefined) throw new Error("there is no k6");
    const own = join(folder, name);
    mkdirSync(own);
    const settings: LoadSettings = settingsFromEnvironment({
      TRIPLINE_TARGET: ingestion.url,
      TRIPLINE_PAYMENTS: payments,
      TRIPLINE_RUN: name,
      TRIPLINE_WAIT: "0.1",
      TRIPLINE_WARM_UP: "0s",
      TRIPLINE_VUS: "20",
      ...environment,
    });
    const outcome = await runK6({
      k6,
      folder: own,
      script: SCRIPT,
      environment: { ...process.env, ...settingsToEnvironment(settings), ...credentials, ...changes },
      signal: new AbortController().signal,
    });
    return { outcome, transcript: await readTranscript(join(own, TRANSCRIPT_FILE), 1) };
  }

  test("every payment has its line in the transcript, even after the first token has expired", async () => {
    const load = { TRIPLINE_SCENARIO: "sync", TRIPLINE_RATE: "5", TRIPLINE_DURATION: "12s" };
    const { outcome, transcript } = await play("tokens", load);
    expect(outcome.iterations).toBeGreaterThan(0);
    expect(transcript.count).toBe(outcome.iterations);
    const statuses = new Set(transcript.statuses.subarray(0, transcript.count));
    // Accepted but never decided: 202. An expired token would give 401.
    expect([...statuses]).toEqual([202]);
    const undecided = outcome.limits.find(({ metric }) => metric === "decisions_undecided{phase:steady}");
    expect(undecided).toMatchObject({ condition: "rate<=0.01", ok: false, value: 1 });
  });

  test("k6 drops iterations if it has too few users for the rate", async () => {
    const load = { TRIPLINE_SCENARIO: "sync", TRIPLINE_RATE: "200", TRIPLINE_DURATION: "2s" };
    const { outcome } = await play("dropped", { ...load, TRIPLINE_WAIT: "1", TRIPLINE_VUS: "2" });
    expect(outcome.dropped).toBeGreaterThan(0);
  });

  test("a rejected token ends the run with the script's message", async () => {
    const load = { TRIPLINE_SCENARIO: "sync", TRIPLINE_RATE: "1", TRIPLINE_DURATION: "2s" };
    const refused = play("refused", load, { TRIPLINE_CLIENT_SECRET: "wrong" });
    await expect(refused).rejects.toThrow(BenchError);
    await expect(refused).rejects.toThrow(/issued no token to shop: it returned 401/);
  });
});
