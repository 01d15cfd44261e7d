import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "../apply/compile-engine.js";
import { specOf } from "../testing/specs.js";
import { DAY_MS, TestStates } from "../testing/states.js";

const START_MS = Date.UTC(2024, 2, 1);
const spec = specOf({ "1d": { width: "1d", tile: "1h" }, "3d": { width: "3d", tile: "1d" } }, [
  { kind: "ratio_to_usual", entity: "card" },
  { kind: "unusual_count", entity: "card", window: "1d" },
  { kind: "unusual_count", entity: "card", window: "3d" },
  { kind: "unusual_max", entity: "card", window: "3d" },
]);

/** Payments of these amounts in major units, a minute apart; returns the features of the last one. */
function seenAfter(amounts: readonly number[], states = new TestStates(compileEngine(spec)), startMs = START_MS) {
  const all = amounts.map((amount, index) =>
    states.pay(startMs + index * 60_000, { amountMinor: Math.round(amount * 100) }),
  );
  return all.at(-1) ?? {};
}

test.each([
  ["the first payment has nothing to compare with", [10], -7],
  ["the mean of what came before", [10, 20, 45], 45 / 15],
  ["a payment of zero is ignored", [0, 10, 0, 30], 3],
  ["a large payment counts two and a half times the mean at most", [10, 1000, 35], 35 / ((10 + 25) / 2)],
])("computes ratio_to_usual: %s", (_what, amounts, ratio) => {
  expect(seenAfter(amounts).card_ratio_to_usual).toBeCloseTo(ratio, 10);
});

test("the baseline adapts: at 256 payments, earlier ones get half the weight", () => {
  const amounts = [...Array.from({ length: 255 }, () => 10), 20, 10];
  expect(seenAfter(amounts).card_ratio_to_usual).toBeCloseTo(
    10 / (Math.ceil((255 * 10_000 + 20_000) / 2) / 128_000),
    10,
  );
});

test("payments of at least twice the usual amount are unusual for the length of the window", () => {
  const states = new TestStates(compileEngine(spec));
  seenAfter([10, 19.99, 10, 20.1], states);
  const seen = (atMs: number) => states.pay(atMs, { amountMinor: 0 });
  expect(seen(START_MS + 240_000)).toMatchObject({ card_unusual_count_1d: 0 });
  states.pay(START_MS + DAY_MS, { amountMinor: 100_000 });
  expect(seen(START_MS + DAY_MS)).toMatchObject({ card_unusual_count_1d: 1, card_unusual_count_3d: 1 });
  expect(seen(START_MS + 2 * DAY_MS)).toMatchObject({ card_unusual_count_1d: 0, card_unusual_count_3d: 1 });
  expect(seen(START_MS + 4 * DAY_MS - 1)).toMatchObject({ card_unusual_count_3d: 1 });
  expect(seen(START_MS + 4 * DAY_MS)).toMatchObject({ card_unusual_count_3d: 0, card_unusual_max_3d: 0 });
});

test("the largest ratio covers only the window, and is in thousandths", () => {
  expect(seenAfter([10, 70, 200 / 3, 1]).card_unusual_max_3d).toBe(7);
  expect(seenAfter([30, 100, 1]).card_unusual_max_3d).toBe(3.333);
});

test("forgets the oldest unusual payments beyond the limit", () => {
  const amounts = Array.from({ length: 80 }, (_, index) => (index % 2 === 0 ? 1 : 1000));
  expect(seenAfter(amounts)).toMatchObject({ card_unusual_count_1d: 32 });
});

test("an out-of-order payment does not see later unusual ones", () => {
  const states = new TestStates(compileEngine(spec));
  seenAfter([10, 50], states);
  expect(states.pay(START_MS + 1, { amountMinor: 0 })).toMatchObject({ card_unusual_count_1d: 0 });
  expect(states.pay(START_MS + 60_000, { amountMinor: 0 })).toMatchObject({ card_unusual_count_1d: 1 });
});

test("a spec can use only windows that it defines", () => {
  const feature = { name: "f", kind: "unusual_count", entity: "card", window: "9d", default: 0, sentence: "{value}" };
  const entities = { card: { key: "card_token" } };
  expect(() => parseFeatureSpec(JSON.stringify({ version: 1, windows: {}, entities, features: [feature] }))).toThrow(
    'unknown window "9d"',
  );
});
