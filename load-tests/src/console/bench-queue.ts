import type { CaseSearch } from "@tripline/console/cases/case-requests";
import { CaseStore } from "@tripline/console/cases/case-store";
import type { Database } from "@tripline/service-kit/postgres/connect-database";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import { ownCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import { samplesOf } from "../harness/run-contestants.js";
import { openConsoleDatabase } from "./open-console-database.js";

const ROUNDS = 5;
const CASES = 100_000;
const SHORT_CASES = 2_000;
const PAYMENTS_PER_CASE = 3;
const SEARCHES_EACH = 10;
const TENANT = "bench";
const WORKER = { tenant: TENANT, person: { id: "ana", name: "Ana" }, seesTokens: true };

/** What people search for, all of it over the whole queue. */
const SEARCHES: readonly Partial<CaseSearch>[] = [
  { status: "open" },
  { status: "open", sort: "score" },
  { status: "open", sort: "amount", amountMinorMin: 50_000 },
  { status: "open", sort: "opened", descending: false },
  { status: "open", assignee: "nobody", outcome: "review" },
  { status: "open", assignee: "me", sort: "amount" },
  { status: "open", reason: "REASON_3", sort: "score" },
  { status: "open", overdue: true, escalated: true },
  { status: "open", scoreMin: 0.9, sort: "due" },
  { status: "open", search: "00042" },
  { status: "open", search: "T77" },
];

export const queuePart: BenchPart = {
  name: "queue",
  title: "filtering and sorting a queue of 100,000 open cases, with the count of what matches",
  run: measureQueue,
};

async function measureQueue(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const cases = isShort ? SHORT_CASES : CASES;
  const { database, postgres } = await openConsoleDatabase(context);
  await fill(database, cases);
  const store = new CaseStore(database);
  const measured = await context.measure(
    [
      {
        name: "search",
        meters: [ownCpu(), postgres],
        async run() {
          const took: number[] = [];
          for (let turn = 0; turn < SEARCHES_EACH; turn += 1) {
            for (const search of SEARCHES) {
              const startedAt = performance.now();
              const { total } = await store.search(WORKER, { limit: 50, ...search }, (token) => token);
              took.push(performance.now() - startedAt);
              if (total === 0) throw new BenchError(`nothing was found for ${JSON.stringify(search)}`);
            }
          }
          took.sort((left, right) => left - right);
          const quantile = (share: number): number => took[Math.ceil(took.length * share) - 1] ?? 0;
          return { operations: took.length, figures: { p50_ms: quantile(0.5), p95_ms: quantile(0.95) } };
        },
      },
    ],
    { roundsDefault: isShort ? 1 : ROUNDS, warmUpRounds: isShort ? 0 : 1 },
  );
  return {
    contestants: measured,
    summary: {
      queue_p50_ms: samplesOf(measured, "search", "p50_ms"),
      queue_p95_ms: samplesOf(measured, "search", "p95_ms"),
    },
    notes: [
      `${cases} open cases of one tenant with ${PAYMENTS_PER_CASE} payments each; ${SEARCHES.length} searches in turn, each ${SEARCHES_EACH} times a round, one at a time.`,
    ],
  };
}

/** Amounts, scores and times spread as evenly as numbers do that are multiplied by a prime. */
async function fill(database: Database, cases: number): Promise<void> {
  await database.execute(
    `INSERT INTO console.cases (id, tenant, card_token, outcome, score, payments, amount_minor, currency, reasons,
       opened_at_ms, changed_at_ms, due_at_ms, assignee_id, assignee_name, is_escalated, revision)
     SELECT gen_random_uuid(), $1, 'ct_' || lpad(n::text, 32, '0'), 2 + n % 3, (n * 7919 % 1000) / 1000.0, ${PAYMENTS_PER_CASE},
       n * 104729 % 100000, 'EUR', ARRAY['REASON_' || n % 20, 'REASON_' || n % 7], $2::bigint - n * 1000, $2, $2::bigint + (n * 31 % 86400 - 43200) * 1000,
       CASE n % 4 WHEN 0 THEN 'ana' WHEN 1 THEN 'ben' END, CASE n % 4 WHEN 0 THEN 'Ana' WHEN 1 THEN 'Ben' END, n % 50 = 0, 1
     FROM generate_series(1, $3::bigint) n`,
    [TENANT, Date.now(), cases],
  );
  await database.execute(
    `INSERT INTO console.case_payments (transaction_id, case_id, tenant, client_transaction_id, terminal_id, outcome, score,
       amount_minor, currency, reason_codes, occurred_at_ms, decided_at_ms)
     SELECT 'txn_' || replace(gen_random_uuid()::text, '-', ''), id, tenant, 'order-' || k || '-' || card_token,
       'T' || (k * 13 + right(card_token, 5)::int) % 2000, outcome, score, amount_minor / 3, currency, reasons, opened_at_ms, opened_at_ms
     FROM console.cases, generate_series(1, ${PAYMENTS_PER_CASE}) k WHERE tenant = $1`,
    [TENANT],
  );
  await database.execute("ANALYZE console.cases");
  await database.execute("ANALYZE console.case_payments");
}
