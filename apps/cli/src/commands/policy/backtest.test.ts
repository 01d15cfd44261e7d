import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { backfill } from "@tripline/backfill/backfill";
import { fileSource } from "@tripline/backfill/input/transactions-source";
import { writeHistory } from "@tripline/backfill/input/write-history";
import { writeTestLake } from "@tripline/backfill/testing/lake";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { BacktestOptions, BacktestReport } from "@tripline/model-loop/backtest/backtest-policy";
import { backtestPolicy } from "@tripline/model-loop/backtest/backtest-policy";
import { aboutBacktest } from "../../policy/explain-backtest.js";
import { backtestCommand } from "./backtest.js";
import { policyCommand } from "./policy.js";

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 5);
const DAYS = 28;
const END_MS = START_MS + DAYS * DAY_MS;
const TENANT = "demo";
const FRAUD_SCORE = 0.7;
/** Reading a day takes a fraction of a second, so most tests read only some days. */
const FIRST_DAYS = ["--to", "2026-01-07"];
const FIRST_DAYS_SQL = `occurred_at_ms + 20 < ${START_MS + 3 * DAY_MS}`;
const TWO_WEEKS = ["--to", "2026-01-18"];
const TWO_WEEKS_END_MS = START_MS + 14 * DAY_MS;
const TIMEOUT_MS = 240_000;
const spec = currentFeatureSpec();

/** Three in five frauds are detected, and one genuine payment in 200 looks like fraud. */
const SCORE = `CASE WHEN p.fraud = 1 AND hash(client_transaction_id) % 5 < 3 THEN ${FRAUD_SCORE}
  WHEN hash(client_transaction_id) % 200 = 0 THEN 0.5 ELSE 0.01 END`;
const REST = `
bands:
  - { at_least: 0.6, action: decline, reason: SCORE_HIGH, text: "Estimated fraud probability: {score}." }
default_decision:
  default: { action: review, reason: STATIC, text: "By hand." }
`;
const BURST = `card_count_1d >= 5 && card_seconds_since_last < 3600`;
const SOUND = `version: sound
rules:
  - { id: burst, when: ${BURST}, action: challenge, reason: BURST, text: "{card_count_1d} payments in a day." }
  - { id: fraud-before, when: card_fraud_count_30d >= 1, action: approve, reason: FRAUD_BEFORE, text: "Fraud before." }
${REST}`;
/** The draft's conditions as SQL for the features file. */
const BURST_SQL = "card_count_1d >= 5 AND card_seconds_since_last < 3600";

let folder: string;
let lake: string;
let connection: Awaited<ReturnType<DuckDBInstance["connect"]>>;
/** The report on the sound draft for all days. */
let sound: BacktestReport;

const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-backtest-"));
  lake = at("lake");
  const simulation = { seed: 5, cards: 80, terminals: 50, startMs: START_MS };
  const [payments, features] = [at("payments.parquet"), at("features.parquet")];
  const key = Buffer.alloc(32, 7);
  await writeHistory({ simulation, untilMs: END_MS, tenant: TENANT, cardTokenKey: key, path: payments });
  await backfill({ spec, source: fileSource(payments), tenant: TENANT, outputPath: features, untilMs: END_MS });
  const history = { spec, tenant: TENANT, payments, features, score: SCORE, labelled: `labelled_at_ms < ${END_MS}` };
  const outcome = "CASE WHEN score >= 0.6 THEN 'decline' WHEN score >= 0.3 THEN 'review' ELSE 'approve' END";
  await writeTestLake({ ...history, outcome, lake });
  await writeTestLake({ ...history, lake: at("frauds"), labelled: `labelled_at_ms < ${END_MS} AND p.fraud = 1` });
  await writeTestLake({ ...history, lake: at("unlabelled"), labelled: "false" });
  await writeTestLake({ ...history, lake: at("older"), spec: { ...spec, version: spec.version - 1 } });
  connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(`CREATE VIEW payments AS SELECT *, ${SCORE} AS score FROM read_parquet('${payments}') AS p
    JOIN (SELECT client_transaction_id, ${spec.features.map(({ name }) => `"${name}"`).join(", ")}
      FROM read_parquet('${features}')) AS f USING (client_transaction_id)`);
  await writeFile(at("sound.yaml"), SOUND);
  sound = await report();
}, TIMEOUT_MS);

afterAll(async () => {
  connection?.closeSync();
  await rm(folder, { recursive: true, force: true });
});

/** Counted by DuckDB from the files that the lake was generated from. */
async function counted(expressions: string): Promise<number[]> {
  const found = await connection.runAndReadAll(`SELECT ${expressions} FROM payments`);
  return (found.getRows()[0] ?? []).map(Number);
}

interface Run {
  readonly text: string;
  readonly lines: readonly string[];
  readonly code: unknown;
}

async function run(draft: string, ...parameters: readonly string[]): Promise<Run> {
  let text = "";
  const before = process.exitCode;
  const range = ["--from", "2026-01-05", "--to", "2026-02-03", "--threads", "1"];
  const of = parameters.includes("--lake") ? [] : ["--lake", lake];
  await policyCommand({ write: (more: string) => (text += more) } as never).parseAsync(
    ["backtest", at(draft), ...of, ...range, ...parameters],
    { from: "user" },
  );
  const code = process.exitCode;
  process.exitCode = before;
  return { text, lines: text.trimEnd().split("\n"), code };
}

const report = (change: Partial<BacktestOptions> = {}): Promise<BacktestReport> =>
  backtestPolicy({
    lake,
    fromMs: START_MS,
    toMs: START_MS + 30 * DAY_MS,
    policyFile: at("sound.yaml"),
    registryUrl: "file:///nowhere",
    scorecardFiles: [],
    threads: 1,
    labelsBy: "event-time",
    unlabelled: "auto",
    ...change,
  });

test(
  "does not apply budgets, and reports how much of each budget the busiest day would need",
  async () => {
    const answer = 'action: decline, reason: SPENT, text: "Spent."';
    const budget = `budgets: [{ action: challenge, per_day: 2, time_zone: UTC, when_spent: [{ ${answer} }] }]`;
    await writeFile(at("budget.yaml"), `${SOUND}${budget}\n`);
    const days = `SELECT max(n) FROM (SELECT count(*) AS n FROM payments WHERE ${BURST_SQL} AND score < 0.6
      GROUP BY occurred_at_ms // ${DAY_MS})`;
    const [busiest = 0] = await counted(`(${days})`);
    const found = await report({ policyFile: at("budget.yaml") });
    expect(busiest).toBeGreaterThan(2);
    expect(found.draft.outcomes).toEqual(sound.draft.outcomes);
    expect(aboutBacktest(found)).toContain(
      `Budgets are not applied: the draft has a budget of 2 per day for the outcome challenge, and would have given this outcome to up to ${busiest} payments of a tenant in one day.`,
    );
  },
  TIMEOUT_MS,
);

test(
  "rejects a draft that would decline a third of the payments, with one sentence",
  async () => {
    const [limit = 0] = await counted(`quantile_disc(amount, 0.66) FILTER (${FIRST_DAYS_SQL})`);
    const bad = SOUND.replace(
      "rules:",
      `rules:\n  - { id: large, when: amount >= ${limit.toFixed(2)}, action: decline, reason: LARGE, text: "Large." }`,
    );
    await writeFile(at("bad.yaml"), bad);
    const [rows = 0, moved = 0, declined = 0] = await counted(
      `count(*) FILTER (${FIRST_DAYS_SQL}), count(*) FILTER (${FIRST_DAYS_SQL} AND amount >= ${limit.toFixed(2)} AND score < 0.6),
      count(*) FILTER (${FIRST_DAYS_SQL} AND (amount >= ${limit.toFixed(2)} OR score >= 0.6))`,
    );
    const { lines, code } = await run("bad.yaml", ...FIRST_DAYS, "--decline-share-max", "2%");
    const share = ((declined / rows) * 100).toLocaleString("en", { maximumSignificantDigits: 3 });
    expect(declined / rows).toBeGreaterThan(0.33);
    expect(code).toBe(1);
    expect(lines.join("\n")).toContain(`\n${moved} payments would have had other payment updates, because only one`);
    expect(lines).toContain(`The draft declines ${share} % of the payments; the maximum is 2 %.`);
    expect(lines.at(-1)).toMatch(new RegExp(`^backtest: rows=${rows} .* declined=${declined} .* broken=1$`));
  },
  TIMEOUT_MS,
);

test(
  "accepts a sound draft, which stays within its limits",
  async () => {
    const limits = ["--decline-share-max", "5%", "--false-positive-share-max", "0.2", "--recall-min", "0.3"];
    const { text, code } = await run("sound.yaml", ...TWO_WEEKS, "--json", ...limits);
    expect(code).toBe(0);
    const found = JSON.parse(text);
    expect(found).toMatchObject({ broken: [], decidedBy: { policy: expect.any(Number) } });
    // The former name stays until 0.3.0.
    expect(found.draft.stopped.annoyed).toEqual(found.draft.stopped.falsePositiveRate);
    expect(found.draft.stopped.money[0].annoyed).toEqual(found.draft.stopped.money[0].falsePositives);
  },
  TIMEOUT_MS,
);

test(
  "limits false positives, even with the former name of the option",
  async () => {
    const outputs = [];
    for (const option of ["--false-positive-share-max", "--annoyed-share-max"]) {
      outputs.push(await run("sound.yaml", ...FIRST_DAYS, option, "0.001%"));
    }
    const [limited, former] = outputs;
    expect(limited?.code).toBe(1);
    expect(limited?.text).toMatch(/^The draft stops .* % of the genuine payments; the maximum is 0\.001 %\.$/m);
    expect(former).toEqual(limited);
  },
  TIMEOUT_MS,
);

test(
  "the figures equal DuckDB's counts from the files, excluding recent payments",
  async () => {
    const found = sound;
    const { matureBeforeMs, delayDays, newestMs } = found.labels;
    // Genuine payments are labelled after 7 days, and 95 % of the frauds within 14.
    expect(delayDays).toBeGreaterThanOrEqual(8);
    expect(delayDays).toBeLessThanOrEqual(15);
    expect(newestMs).toBe((await counted(`max(labelled_at_ms) FILTER (labelled_at_ms < ${END_MS})`))[0]);
    const old = `occurred_at_ms < ${matureBeforeMs} AND labelled_at_ms < ${END_MS}`;
    const [rows, young, frauds, genuine] = await counted(
      `count(*), count(*) FILTER (occurred_at_ms >= ${matureBeforeMs}), count(*) FILTER (${old} AND fraud = 1),
      count(*) FILTER (${old} AND fraud = 0)`,
    );
    expect(found).toMatchObject({
      rows,
      young,
      frauds,
      genuine,
      cards: (await counted("count(DISTINCT card_token)"))[0],
    });
    for (const [id, sql] of [
      ["burst", BURST_SQL],
      ["fraud-before", "card_fraud_count_30d >= 1"],
      ["score>=0.6", "score >= 0.6"],
    ] as const) {
      const [hits, cards, caught, hitGenuine, caughtMinor, genuineMinor] = await counted(
        `count(*) FILTER (${sql}), count(DISTINCT card_token) FILTER (${sql}), count(*) FILTER (${old} AND ${sql} AND fraud = 1),
        count(*) FILTER (${old} AND ${sql} AND fraud = 0), sum(amount_minor) FILTER (${old} AND ${sql} AND fraud = 1),
        sum(amount_minor) FILTER (${old} AND ${sql} AND fraud = 0)`,
      );
      const part = found.parts.find((each) => each.id === id);
      expect({ id, ...part }).toMatchObject({ id, hits, cards, frauds: caught, genuine: hitGenuine });
      expect(hits).toBeGreaterThan(0);
      expect(part?.money[0]).toMatchObject({
        currency: "EUR",
        caught: { value: caughtMinor },
        falsePositives: { value: genuineMinor },
      });
      expect(part?.recall?.value).toBeCloseTo((caught ?? 0) / (frauds ?? 1), 9);
    }
    const [both, either] = await counted(
      `count(*) FILTER (${BURST_SQL} AND score >= 0.6), count(*) FILTER (${BURST_SQL} OR score >= 0.6)`,
    );
    const overlap = found.parts.find(({ id }) => id === "burst")?.overlaps.find(({ id }) => id === "score>=0.6");
    expect(overlap).toEqual({ id: "score>=0.6", rows: both, jaccard: expect.closeTo((both ?? 0) / (either ?? 1), 9) });
    // The draft approves what the original policy sent to review, except bursts.
    const [released] = await counted(`count(*) FILTER (score = 0.5 AND NOT (${BURST_SQL}))`);
    expect(found.changes["review -> approve"]?.rows).toBe(released);
    expect(found.decided.declined.hits).toBe(found.draft.declined.hits);
  },
  TIMEOUT_MS,
);

test(
  "describes a rule in full: overlap, segments and counterexamples",
  async () => {
    const { lines, code } = await run(
      "sound.yaml",
      "--rule",
      "burst",
      "--hit-share-max",
      "0.01%",
      "--html",
      at("page.html"),
    );
    expect(code).toBe(1);
    expect(lines.find((line) => line.startsWith("burst hits "))).toMatch(
      / % of the payments; the maximum is 0.01 %\.$/,
    );
    expect(
      lines.some((line) =>
        /^Of its [\d,]+ hits, [\d,]+ (are|is) also .* of score>=0.6 \(Jaccard 0\.\d+\)\.$/.test(line),
      ),
    ).toBe(true);
    expect(lines.some((line) => line.startsWith("Whom burst hits"))).toBe(true);
    const examples = lines.filter((line) => /^(Genuine|Missed fraud): txn_/.test(line));
    expect(examples.length).toBe(10);
    for (const line of examples) {
      const id = /txn_(\S+),/.exec(line)?.[1];
      const [fraud, isHit] = await counted(`max(fraud) FILTER (client_transaction_id = '${id}'),
      max((${BURST_SQL})::INTEGER) FILTER (client_transaction_id = '${id}')`);
      expect([fraud, isHit]).toEqual(line.startsWith("Genuine") ? [0, 1] : [1, 0]);
      if (line.startsWith("Genuine")) expect(line).toMatch(/\d payments in a day\./);
    }
    const page = await readFile(at("page.html"), "utf8");
    expect(page).toContain("FAILED");
    expect(page).toContain("Share of payments by day");
    expect(page).not.toMatch(/<script|src=|href=/);
  },
  TIMEOUT_MS,
);

test(
  "counts old payments without a label as genuine if only frauds get labels, and says so",
  async () => {
    const found = await report({ lake: at("frauds"), toMs: TWO_WEEKS_END_MS });
    expect(
      aboutBacktest(found).some((line) =>
        line.startsWith("Assumption: genuine payments get a label only as an exception"),
      ),
    ).toBe(true);
    const old = `occurred_at_ms + 20 < ${TWO_WEEKS_END_MS} AND occurred_at_ms < ${found.labels.matureBeforeMs}`;
    const known = `fraud = 1 AND labelled_at_ms < ${END_MS}`;
    const [genuine, frauds] = await counted(
      `count(*) FILTER (${old} AND NOT (${known})), count(*) FILTER (${old} AND ${known})`,
    );
    expect(found).toMatchObject({ genuine, frauds, unlabelled: 0 });
    const cautious = await report({ lake: at("frauds"), toMs: TWO_WEEKS_END_MS, unlabelled: "unknown" });
    expect(cautious).toMatchObject({ genuine: 0, unlabelled: genuine });
  },
  TIMEOUT_MS,
);

test(
  "reports no precision without labels, and fails any limit on precision",
  async () => {
    const ofDays = ["--lake", at("unlabelled"), ...FIRST_DAYS];
    const { lines, code } = await run("sound.yaml", ...ofDays, "--precision-min", "0.1");
    expect(lines).toContain("The lake has no labels, so fraud caught and false positives are unknown.");
    expect(lines).toContain("The precision of what the draft stops is unknown; the minimum is 10 %.");
    expect(code).toBe(1);
    expect((await run("sound.yaml", ...ofDays, "--decline-share-max", "10%")).code).toBe(0);
  },
  TIMEOUT_MS,
);

test("counts a shadow rule or a partly live rule for all payments, and decides according to the draft", async () => {
  await writeFile(at("shadow.yaml"), SOUND.replace("{ id: burst,", "{ id: burst, mode: shadow,"));
  await writeFile(at("partial.yaml"), SOUND.replace("{ id: burst,", "{ id: burst, percent: 25,"));
  const toMs = START_MS + 3 * DAY_MS;
  const burst = `${FIRST_DAYS_SQL} AND ${BURST_SQL}`;
  const [hits = 0, alone = 0] = await counted(`count(*) FILTER (${burst}), count(*) FILTER (${burst} AND score < 0.6)`);
  const [whole, none, some] = await Promise.all(
    ["sound.yaml", "shadow.yaml", "partial.yaml"].map(async (name) => {
      const found = await report({ toMs, policyFile: at(name) });
      return { ...found.parts.find(({ id }) => id === "burst"), stopped: found.draft.stopped.hits };
    }),
  );
  expect(whole).toMatchObject({ hits, alone, mode: "live", percent: 100 });
  expect(none).toMatchObject({ hits, alone: 0, mode: "shadow", stopped: (whole?.stopped ?? 0) - alone });
  expect(some).toMatchObject({ hits, percent: 25 });
  expect(some?.alone).toBeGreaterThan(0);
  expect(some?.alone).toBeLessThan(alone);
  expect(some?.stopped).toBe((none?.stopped ?? 0) + (some?.alone ?? 0));
}, 240_000);

test(
  "reports for how many payments a draft fails, and why",
  async () => {
    await writeFile(at("broken.yaml"), SOUND.replace(BURST, "100 / int(card_fraud_count_30d) > 200"));
    const [failed] = await counted(`count(*) FILTER (card_fraud_count_30d < 1 AND ${FIRST_DAYS_SQL})`);
    const { lines } = await run("broken.yaml", ...FIRST_DAYS);
    const failures = lines.filter((line) =>
      line.startsWith(`The draft failed for ${failed?.toLocaleString("en")} payments: `),
    );
    expect(failures).toEqual([expect.stringContaining("the rule burst could not be evaluated: ")]);
  },
  TIMEOUT_MS,
);

test.each<[string, string, readonly string[], string]>([
  [
    "an unknown rule",
    "sound.yaml",
    ["--rule", "nope"],
    'has no rule "nope". Set --rule to one of: burst, fraud-before, score>=0.6.',
  ],
  [
    "an empty range",
    "sound.yaml",
    ["--from", "2025-01-01", "--to", "2025-01-02"],
    "contains no decisions from 2025-01-01",
  ],
  ["a reversed range", "sound.yaml", ["--to", "2026-01-01"], "--from must be before --to"],
  ["a lake of another feature spec", "sound.yaml", ["--lake", "older"], `this build has ${spec.version}`],
  [
    "a draft for other features",
    "other.yaml",
    [],
    "rules.0.when is not a valid expression: Unknown variable: card_moon_phase",
  ],
  ["a draft that does not exist", "none.yaml", [], "none.yaml cannot be read (ENOENT)"],
  ["a limit for a rule without a rule", "sound.yaml", ["--hit-share-max", "1%"], "Specify the rule with --rule"],
])("rejects %s, and says why in one sentence", async (_case, draft, parameters, sentence) => {
  await writeFile(
    at("other.yaml"),
    SOUND.replace("card_fraud_count_30d", "card_moon_phase").replace(/ {2}- \{ id: burst.*\n/, ""),
  );
  const full = parameters.map((parameter) => (parameter === "older" ? at("older") : parameter));
  await expect(run(draft, ...full)).rejects.toThrow(sentence);
});

test("rejects an invalid share", async () => {
  const command = backtestCommand()
    .exitOverride()
    .configureOutput({ writeErr() {} });
  const parse = (share: string) => command.parseAsync(["x.yaml", "--precision-min", share], { from: "user" });
  await expect(parse("120%")).rejects.toThrow("must be a share, such as 2% or 0.02");
  await expect(parse("much")).rejects.toThrow("must be a share, such as 2% or 0.02");
});
