import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { toDecisionRow } from "@tripline/console/decisions/decision-rows";
import { EventStream } from "@tripline/console/live/event-stream";
import { LiveHub } from "@tripline/console/live/live-hub";
import { Api } from "@tripline/console-web/testing/fixture-api";
import { startFixture } from "@tripline/console-web/testing/fixture-server";
import { makeSession } from "@tripline/console-web/testing/fixture-session";
import { openBrowserProcess } from "@tripline/console-web/testing/open-browser";
import { TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { Database } from "@tripline/service-kit/postgres/connect-database";
import { createLogger } from "@tripline/service-kit/telemetry/logger";
import type { BenchContext } from "../harness/bench-context.js";
import { ownCpu, processTreeCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import { samplesOf } from "../harness/run-contestants.js";
import { openConsoleDatabase } from "./open-console-database.js";

/** The packed browser has one by itself that Intl refuses. */
const LOCALE = "en-GB";
const ROUNDS = 5;
const CASES = 2_000;
const TENANT = "bench";
const RATE = 1_000;
const WRITES_PER_S = 10;
const LIVE_MS = 20_000;
const SHORT_LIVE_MS = 3_000;
/** Until the page shows what is decided, on a busy machine. */
const SHOWN_MS_MAX = 30_000;
const ROWS_SHOWN_MIN = 20;
const STREAM_MS_MAX = 600_000;
const MS_PER_S = 1_000;
const PERCENT = 100;

/** Notes when the first case is there and the browser has nothing else to do: from then on it answers a person. */
const NOTE_INTERACTIVE = `
  window.interactiveMs = new Promise((resolve) => {
    const seen = new MutationObserver(() => {
      if (document.querySelector('a[href^="/cases/"]') === null) return;
      seen.disconnect();
      requestIdleCallback(() => resolve(performance.now()));
    });
    seen.observe(document, { childList: true, subtree: true });
  });`;

export const interactivePart: BenchPart = {
  name: "interactive",
  title: "the queue in a browser that knows nothing of the page: from the address to the first case and an idle page",
  run: measureInteractive,
};

export const livePart: BenchPart = {
  name: "live",
  title: `Live in one browser, at ${RATE} decisions a second`,
  run: measureLive,
};

async function measureInteractive(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const fixture = await startFixture(new Api(Date.now(), CASES), makeSession(Date.now()));
  context.defer(() => fixture.close());
  const { browser, pid, close } = await openBrowserProcess();
  context.defer(close);
  const measured = await context.measure(
    [
      {
        name: "queue",
        meters: [processTreeCpu("browser", pid)],
        async run() {
          const page = await (await browser.newContext({ baseURL: fixture.url, locale: LOCALE })).newPage();
          await page.addInitScript(NOTE_INTERACTIVE);
          await page.goto("/queue");
          const interactiveMs = Number(await page.evaluate("window.interactiveMs"));
          await page.context().close();
          return { operations: 1, figures: { interactive_ms: interactiveMs } };
        },
      },
    ],
    { roundsDefault: isShort ? 1 : ROUNDS, warmUpRounds: isShort ? 0 : 1 },
  );
  return {
    contestants: measured,
    summary: { interactive_ms: samplesOf(measured, "queue", "interactive_ms") },
    notes: [
      "Each round has an empty cache. The page comes from this machine, with made-up cases; the browser's process runs already.",
    ],
  };
}

async function measureLive(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const { database, postgres } = await openConsoleDatabase(context);
  const admin = await connectKafka({ brokers: await context.kafka(), clientId: "bench" }).admin();
  context.defer(() => admin.close());
  const hub = new LiveHub(database, admin, createLogger("bench", "warn"));
  context.defer(async () => hub.close());
  const fixture = await startFixture(new Api(Date.now(), CASES), makeSession(Date.now()), (response) =>
    follow(hub, response),
  );
  context.defer(() => fixture.close());
  const { browser, pid, close } = await openBrowserProcess();
  context.defer(close);
  const page = await (await browser.newContext({ baseURL: fixture.url, locale: LOCALE })).newPage();
  await page.goto("/live");
  // Kafka makes its topic of consumer groups at the first question about one, which is not what is measured.
  await admin.committedOffsets("console", TOPICS.decisions.name);
  await decide(database, SHORT_LIVE_MS);
  await page.getByRole("row").nth(ROWS_SHOWN_MIN).waitFor({ timeout: SHOWN_MS_MAX });
  const measured = await context.measure(
    [
      {
        name: "live",
        meters: [ownCpu("backend"), processTreeCpu("browser", pid), postgres],
        async run() {
          const ms = isShort ? SHORT_LIVE_MS : LIVE_MS;
          await decide(database, ms);
          return { operations: ms / MS_PER_S };
        },
      },
    ],
    { roundsDefault: isShort ? 1 : ROUNDS, warmUpRounds: isShort ? 0 : 1 },
  );
  const share = (meter: string) =>
    samplesOf(measured, "live", `${meter}_cpu_us_per_op`).map((us) => (us * PERCENT) / (MS_PER_S * MS_PER_S));
  return {
    contestants: measured,
    summary: { live_browser_percent: share("browser"), live_backend_percent: share("backend") },
    notes: [
      `Percent of a core. The browser: all its processes, without a GPU. The backend: reading what was decided and telling the browser, without the consumer of the topics; the decisions are written by Postgres itself, in ${WRITES_PER_S} statements a second that this process sends.`,
    ],
  };
}

/** As the console's controller does it. */
function follow(hub: LiveHub, response: ServerResponse): void {
  const stream = new EventStream({ hijack() {}, raw: response, getHeaders: () => ({}) }, STREAM_MS_MAX);
  const stop = hub.add({
    tenant: TENANT,
    onSecond: (second) => stream.send("second", second),
    onDecisions: (decisions) =>
      stream.send(
        "decisions",
        decisions.map((row) => toDecisionRow(row, (token) => token)),
      ),
  });
  stream.onEnd(stop);
}

/** Payments with their decisions at an even rate, some of them stopped. */
async function decide(database: Database, ms: number): Promise<void> {
  const turns = Math.round((ms * WRITES_PER_S) / MS_PER_S);
  const startMs = performance.now();
  for (let turn = 1; turn <= turns; turn += 1) {
    await database.execute(WRITE, [RATE / WRITES_PER_S, Date.now(), TENANT]);
    await delay(Math.max(0, startMs + (turn * MS_PER_S) / WRITES_PER_S - performance.now()));
  }
}

const WRITE = `
  WITH made AS (
    SELECT 'txn_' || replace(gen_random_uuid()::text, '-', '') AS id, n FROM generate_series(1, $1::int) n
  ), paid AS (
    INSERT INTO console.payments (transaction_id, tenant, client_transaction_id, card_token, terminal_id, device_token,
      ip_token, amount_minor, currency, occurred_at_ms, read_at_ms, record)
    SELECT id, $3, 'order-' || right(id, 8), 'ct_' || right(id, 32), 'T' || n, '', '', 100 * n, 'EUR', $2::bigint, $2::bigint, ''
    FROM made
  )
  INSERT INTO console.decisions (transaction_id, tenant, outcome, rung, score, model_version, reason_codes, latency_ms,
    decided_at_ms, read_at_ms, record)
  SELECT id, $3, CASE WHEN n % 50 = 0 THEN 3 ELSE 1 END, 1, n / 1000.0, '0123456789ab', '{}', 5 + n % 20, $2::bigint, $2::bigint, ''
  FROM made`;
