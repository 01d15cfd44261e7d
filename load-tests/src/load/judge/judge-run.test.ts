import { Transcript } from "../k6/read-transcript.js";
import type { LoadSettings } from "../load-settings.js";
import { settingsFromEnvironment } from "../load-settings.js";
import type { Stage } from "../scenarios.js";
import type { GeneratorFigures } from "./judge-run.js";
import { figuresByPhase, findBreakpoint, loadFault, quantiles, rampFault } from "./judge-run.js";

const AT = "2026-11-24T10:00:00.000Z";

const good: GeneratorFigures = {
  planned: 10_000,
  begun: 10_000,
  dropped: 0,
  latenessP99Ms: 2,
  k6Cores: 0.5,
  cores: 2,
  machineBusy: 0.8,
  underWay: 30,
  vus: 600,
};

describe("a load", () => {
  test("has no fault if it was sent in time, even if a few of ten thousand requests are missing", () => {
    expect(loadFault(good)).toBeUndefined();
    expect(loadFault({ ...good, begun: 9_993, dropped: 7 })).toBeUndefined();
  });

  test.each<[string, Partial<GeneratorFigures>, string]>([
    [
      "k6 had no CPU",
      { begun: 8_000, k6Cores: 1.9 },
      "The generator could not send 2000 of 10000 requests: k6 used 1.90 of 2 cores",
    ],
    ["the machine was busy", { dropped: 100, machineBusy: 0.99 }, "were 99 % busy, and k6 used 0.50 of these cores"],
    ["there was another cause", { dropped: 100, k6Cores: undefined }, "something else delayed k6"],
    [
      "k6 was late",
      { latenessP99Ms: 80, machineBusy: 1 },
      "could not send in time: 1 % of the requests were sent at least 80 ms late",
    ],
  ])("is the generator's fault if it was not sent because %s", (_what, changes, sentence) => {
    const fault = loadFault({ ...good, ...changes });
    expect(fault).toMatchObject({ by: "generator", sentence: expect.stringMatching(/^The generator could not send /) });
    expect(fault?.sentence).toContain(sentence);
  });

  test("is the system's fault if it overloads the system", () => {
    const fault = loadFault({ ...good, dropped: 100, underWay: 590, machineBusy: 1 });
    expect(fault).toMatchObject({ by: "system" });
    expect(fault?.sentence).toContain("The system delayed 100 of 10000 requests: all 600 users of k6 were waiting");
  });
});

const SETTINGS: LoadSettings = settingsFromEnvironment({ TRIPLINE_SCENARIO: "ramp", TRIPLINE_VUS: "100" });
const RAMP: readonly Stage[] = [100, 200].map((rate) => ({
  phase: `${rate}/s`,
  seconds: 1,
  fromRate: rate,
  toRate: rate,
  isLimited: false,
}));

/** Two seconds: a hundred payments, then two hundred, each formatted by `line`. */
function play(line: (atMs: number, index: number) => string | undefined): Transcript {
  const transcript = new Transcript();
  for (let index = 0; index < 300; index += 1) {
    const text = line(index < 100 ? index * 10 : 1_000 + (index - 100) * 5, index);
    if (text !== undefined) transcript.add(text);
  }
  return transcript;
}

const decided = (number: number, atMs: number, latencyMs = 10, latenessMs = 0, rung = "model") =>
  `p ${number} ${atMs} ${latenessMs} ${latencyMs} 200 approve ${rung} ${AT}`;

describe("a ramp", () => {
  const breakpoint = (transcript: Transcript) => findBreakpoint(figuresByPhase(RAMP, transcript), SETTINGS);

  test("has no breakpoint if it crosses no limit", () => {
    expect(breakpoint(play((atMs, index) => decided(index, atMs)))).toEqual({ heldPerS: 200 });
  });

  test.each<[string, (atMs: number, index: number) => string | undefined, string]>([
    ["slow answers", (atMs, index) => decided(index, atMs, index < 100 ? 10 : 400), "p99 of 400 ms exceeds 250 ms"],
    [
      "rejections",
      (atMs, index) => (index < 290 ? decided(index, atMs) : `p ${index} ${atMs} 0 1 429 - - -`),
      "5.00 % were rejected or failed",
    ],
    [
      "degraded decisions",
      (atMs, index) => decided(index, atMs, 10, 0, index < 290 ? "model" : "rules_only"),
      "5.00 % were decided late or without the model",
    ],
    [
      "waiting users",
      (atMs, index) => (index < 200 ? decided(index, atMs, index < 100 ? 10 : 1_000) : undefined),
      "as 100 were waiting",
    ],
  ])("breaks at the system's limit: %s", (_what, line, why) => {
    const found = breakpoint(play(line));
    expect(found).toMatchObject({ heldPerS: 100, brokeAt: { perS: 200, by: "system" } });
    expect(found.brokeAt?.why).toContain(why);
    expect(rampFault(found, good)).toBeUndefined();
  });

  test.each<[string, (atMs: number, index: number) => string | undefined]>([
    ["sending late", (atMs, index) => decided(index, atMs, 10, index < 100 ? 0 : 90)],
    ["sending too little", (atMs, index) => (index < 250 ? decided(index, atMs) : undefined)],
  ])("does not show the system's limit if the generator is %s", (_what, line) => {
    const found = breakpoint(play(line));
    expect(found).toMatchObject({ heldPerS: 100, brokeAt: { perS: 200, by: "generator" } });
    const sentence = "The generator could not send 200 payments per second, and the system's own limit is above 100";
    expect(rampFault(found, good)).toMatchObject({ by: "generator", sentence: expect.stringContaining(sentence) });
  });
});

test("a phase counts the responses that its callers received", () => {
  const transcript = new Transcript();
  const lines = [
    decided(0, 0, 10),
    decided(1, 100, 30, 4, "rules_only"),
    "p 2 200 0 5 202 - - -",
    "p 3 999 0 5 503 - - -",
    "p 4 1000 0 5 500 - - -",
    "p 5 5000 0 15000 0 - - -",
  ];
  for (const line of lines) transcript.add(line);
  const [first, second] = figuresByPhase(RAMP, transcript);
  expect(first).toMatchObject({ sent: 4, refused: 1, failed: 0, undecided: 1, degraded: 1, decidedPerS: 2, maxMs: 30 });
  // Requests after the end belong to the last phase.
  expect(second).toMatchObject({ sent: 2, refused: 0, failed: 2, decidedPerS: 0, p99Ms: Number.NaN });
});

test("the lines of a batch are payments of one request, whose latency counts once", () => {
  const transcript = new Transcript(10);
  for (let line = 0; line < 10; line += 1) transcript.add(decided(line, 0, 500));
  transcript.add(decided(10, 10, 20));
  const [figures] = figuresByPhase(RAMP, transcript);
  expect(figures).toMatchObject({ sent: 11, decidedPerS: 11, p50Ms: 500, underWay: 0.52 });
});

test("reports a line that is not from our k6 scripts", () => {
  expect(() => new Transcript().add("hello world")).toThrow("a line that is not a payment: hello world");
});

test("computes quantiles", () => {
  expect(quantiles([4, 1, 3, 2], [0, 0.5, 0.99, 1])).toEqual([1, 3, 4, 4]);
  expect(quantiles([], [0.5])).toEqual([Number.NaN]);
});
