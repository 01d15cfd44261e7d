import { figuresByPhase, generatorFigures } from "../judge/judge-run.js";
import type { LoadLedger } from "../judge/load-ledger.js";
import { seriesOf } from "../judge/series.js";
import { Transcript } from "../k6/read-transcript.js";
import type { LoadResult } from "../load-result.js";
import { settingsFromEnvironment } from "../load-settings.js";
import { SCENARIOS } from "../scenarios.js";
import { COLUMNS, isGood, printRun } from "./print-run.js";
import { renderReport } from "./render-report.js";

const settings = settingsFromEnvironment({
  TRIPLINE_SCENARIO: "steady",
  TRIPLINE_RATE: "10",
  TRIPLINE_DURATION: "3s",
  TRIPLINE_WARM_UP: "0s",
});
const stages = SCENARIOS.steady.stages(settings);
const START_MS = Date.UTC(2026, 10, 24);

const transcript = new Transcript();
transcript.add(`s ${START_MS}`);
for (let index = 0; index < 20; index += 1) {
  const line = index === 19 ? "503 - - -" : "200 approve model 2026-11-24T10:00:00.000Z";
  transcript.add(`p ${index} ${index < 10 ? index * 100 : 1_000 + index * 100} 0.5 ${10 + index} ${line}`);
}
transcript.add("r 3 200 same");
transcript.add("l 4 200");
transcript.add("b 5 422");

const ledger: LoadLedger = {
  source: "the decisions topic",
  sent: 20,
  accepted: 19,
  decided: 19,
  lost: 0,
  lostIds: [],
  duplicated: 0,
  repeated: 0,
  returned: 19,
  differing: 0,
  unanswered: 0,
};
const cpu = [0, 1, 2].map((second) => ({ atMs: START_MS + second * 1_000, k6Cores: 0.4, machineBusy: 0.7 }));
const limits = [{ metric: "decision_latency{phase:steady}", condition: "p(99)<=250", ok: true, value: 28 }];
const outcome = { iterations: 20, dropped: 0, limits, cpu, wasInterrupted: false };

function result(changes: Partial<LoadResult> = {}): LoadResult {
  return {
    format: 1,
    date: "2026-11-24T10:00:00.000Z",
    commit: "abc",
    k6: "2.2.0",
    settings,
    seed: 1,
    cards: 100,
    machine: { cpu: "a <fast> one", cores: 2, memoryGb: 4, system: "Linux", loadAverage: 0.5 },
    startedHere: true,
    killed: [],
    wasInterrupted: false,
    limits,
    ledger,
    counts: transcript.counts,
    phases: figuresByPhase(stages, transcript),
    generator: generatorFigures(settings, stages, transcript, outcome, 2),
    series: seriesOf(stages, transcript, cpu),
    ...changes,
  };
}

test("the series has a value per second, with gaps where no response arrived", () => {
  const { series } = result();
  expect(series).toMatchObject({
    secondsPerSlice: 1,
    askedPerS: [10, 10, 10],
    sentPerS: [10, 0, 10],
    failedPerS: [0, 0, 0],
  });
  expect(series).toMatchObject({ decidedPerS: [10, 0, 9], refusedPerS: [0, 0, 1], p50Ms: [15, null, 24] });
});

test("the text ends with the ledger and includes the machine's load", () => {
  const text = printRun(result());
  expect(text).toContain("k6 2.2.0, seed 1, load 0.5 on 2 cores at the start");
  expect(text).toContain("retries: sent=1 differing=0   labels: sent=1 applied=1   bad input: sent=1 accepted=0");
  expect(text).toContain("ledger: sent=20 accepted=19 decided=19 lost=0 duplicated=0");
});

test("the page contains every plot and escapes external text", () => {
  const page = renderReport(result({ killed: ["<script>alert(1)</script>"] }));
  expect(page.match(/<figure>/g)).toHaveLength(5);
  for (const size of ["wide", "narrow"]) expect(page.match(new RegExp(`<svg [^>]*\\b${size}"`, "g"))).toHaveLength(5);
  expect(page).toContain("a &lt;fast&gt; one");
  expect(page).not.toContain("<script>");
  expect(page).not.toMatch(/(src|href)=/);
  expect(page).not.toContain("NaN");
});

test("the page shows at the top whether the run passed, and why not", () => {
  const good = renderReport(result());
  expect(good).toContain('<span class="badge">PASSED</span>');
  expect(good).toContain("<title>passed: steady, 10 payments per second</title>");
  expect(good).not.toContain('class="bad-text"');
  const bad = renderReport(
    result({
      ledger: { ...ledger, decided: 18, lost: 1, lostIds: ["load-1-3"] },
      limits: limits.map((limit) => ({ ...limit, ok: false })),
    }),
  );
  expect(bad).toContain('<span class="badge bad">FAILED</span>');
  for (const why of [
    "1 of 1 limits were exceeded; see below",
    "The ledger does not balance: accepted 19, decided 18, lost 1, duplicated 0, differing 0",
    "Lost: load-1-3",
  ]) {
    expect(bad).toContain(`<li class="bad-text">${why}</li>`);
  }
  expect(bad.indexOf("FAILED")).toBeLessThan(bad.indexOf("<table"));
});

test("the page has no fixed-width text, and keeps a phase's labels on a phone", () => {
  const page = renderReport(result());
  expect(page).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
  expect(page).not.toContain("<pre");
  const titles = [...page.matchAll(/<th>([^<]+)<\/th>/g)].map(([, title]) => title).slice(0, COLUMNS.length);
  expect(titles).toEqual(COLUMNS.map(([title]) => title));
  const named = [...page.matchAll(/<td data-label="([^"]+)">/g)].map(([, label]) => label);
  expect(named).toEqual(result().phases.flatMap(() => titles));
});

test.each<[string, Partial<LoadResult>, boolean]>([
  ["all is well", {}, true],
  ["a payment was lost", { ledger: { ...ledger, decided: 18, lost: 1, lostIds: ["load-1-3"] } }, false],
  ["a payment was decided twice", { ledger: { ...ledger, duplicated: 1 } }, false],
  ["a response differs from the valid decision", { ledger: { ...ledger, differing: 1 } }, false],
  ["nothing was accepted", { ledger: { ...ledger, accepted: 0, decided: 0 } }, false],
  ["a limit was exceeded", { limits: limits.map((limit) => ({ ...limit, ok: false })) }, false],
  [
    "a ramp found the system's limit",
    { breakpoint: { heldPerS: 100, brokeAt: { perS: 200, why: "", by: "system" } } },
    true,
  ],
  [
    "a ramp failed at its first step",
    { breakpoint: { heldPerS: 0, brokeAt: { perS: 100, why: "", by: "system" } } },
    false,
  ],
  [
    "the generator could not send",
    { fault: { by: "generator", sentence: "The generator could not send 3 of 30 requests." } },
    false,
  ],
])("judges a run when %s", (_what, changes, good) => {
  expect(isGood(result(changes))).toBe(good);
});
