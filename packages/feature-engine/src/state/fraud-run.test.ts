import { compileEngine } from "../apply/compile-engine.js";
import { specOf } from "../testing/specs.js";
import { DAY_MS, TestStates } from "../testing/states.js";

const START_MS = Date.UTC(2024, 2, 1);
const KINDS = ["days_since_last_genuine", "days_since_run_began", "run_count"];
const WINDOWS = { "7d": { width: "7d", tile: "1d" } };
const alone = specOf(
  WINDOWS,
  KINDS.map((kind) => ({ kind, entity: "terminal" })),
);
const explained = specOf(WINDOWS, [
  ...KINDS.map((kind) => ({ kind, entity: "terminal", explained_by: "card" })),
  { kind: "count", entity: "terminal", window: "7d" },
]);

/** Labels for payments on these days, in the order of reporting, ten days later; then the values on day 20. */
function seenAfter(labels: readonly (readonly [day: number, fraud: boolean])[]): number[] {
  const states = new TestStates(compileEngine(alone));
  for (const [index, [day, fraud]] of labels.entries()) {
    states.label(START_MS + 10 * DAY_MS + index, { occurredAtMs: START_MS + day * DAY_MS, fraud });
  }
  return Object.values(states.pay(START_MS + 20 * DAY_MS));
}

test.each([
  ["nothing is known", [], [-7, -7, 0]],
  ["a genuine payment", [[1, false]], [19, -7, 0]],
  [
    "the newest genuine payment counts, whenever it is reported",
    [
      [3, false],
      [1, false],
    ],
    [17, -7, 0],
  ],
  [
    "frauds after it are a run",
    [
      [1, false],
      [3, true],
      [5, true],
    ],
    [19, 17, 2],
  ],
  [
    "a run begins with the fraud that took place first",
    [
      [5, true],
      [3, true],
    ],
    [-7, 17, 2],
  ],
  [
    "a fraud before the last genuine payment is not part of it",
    [
      [4, false],
      [3, true],
    ],
    [16, -7, 0],
  ],
  [
    "a genuine payment after it ends a run",
    [
      [3, true],
      [4, true],
      [6, false],
      [7, true],
    ],
    [14, 13, 1],
  ],
  [
    "a genuine payment before the run does not end it",
    [
      [3, true],
      [2, false],
    ],
    [18, 17, 1],
  ],
] as const)("%s", (_what, labels, seen) => {
  expect(seenAfter(labels)).toEqual(seen);
});

test("a fraud explained by an unusual payment of the card is not part of the terminal's run", () => {
  const states = new TestStates(compileEngine(explained));
  for (const [minute, amountMinor] of [1000, 1000, 5000, 1000].entries()) {
    states.pay(START_MS + minute * 60_000, { amountMinor });
  }
  const truthOf = (minute: number, atMs: number) => {
    states.label(atMs, { occurredAtMs: START_MS + minute * 60_000 });
    return states.pay(atMs + 1).terminal_run_count;
  };
  expect(truthOf(2, START_MS + DAY_MS)).toBe(0);
  expect(truthOf(3, START_MS + 2 * DAY_MS)).toBe(1);
});

test("a caller without the card's state states whether the card explains the fraud", () => {
  const engine = compileEngine(explained);
  const terminal = engine.decodeState(1, null);
  const states = [undefined, terminal, undefined, undefined];
  const ids = { cardToken: "c", terminalId: "t" };
  const label = { labelledAtMs: START_MS + 1, occurredAtMs: START_MS, fraud: true, ...ids };
  engine.applyLabel(states, { labelId: "a", ...label, explained: true });
  expect(terminal.run?.count).toBe(0);
  engine.applyLabel(states, { labelId: "b", ...label });
  expect(terminal.run?.count).toBe(1);
});
