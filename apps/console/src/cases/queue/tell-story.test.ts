import type { StoryPayment } from "./tell-story.js";
import { STORY_PAYMENTS_MAX, tellStory } from "./tell-story.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Payments of these amounts, a minute apart. */
function payments(amounts: readonly number[], change: Partial<StoryPayment> = {}): StoryPayment[] {
  return amounts.map((amountMinor, index) => ({
    amountMinor,
    currency: "EUR",
    occurredAtMs: index * MINUTE_MS,
    terminalId: "T1",
    ...change,
  }));
}

const TESTS = [100, 300, 250, 100, 120, 199, 300];

test("seven payments of €1 to €3, then €296.90, are card testing", () => {
  const story = { kind: "card-testing", payments: 7, minMinor: 100, maxMinor: 300, largeMinor: 29_690, later: 0 };
  expect(tellStory(payments([...TESTS, 29_690]))).toEqual({ ...story, currency: "EUR" });
  // The order of the payments does not matter.
  expect(tellStory(payments([...TESTS, 29_690]).toReversed())).toEqual({ ...story, currency: "EUR" });
  expect(tellStory(payments([...TESTS, 29_690, 100, 40_000]))).toMatchObject({ ...story, later: 2 });
});

test.each([
  ["payments above €5", payments([2_000, 3_000, 2_500, 40_000]), "small-then-large"],
  ["payments in yen", payments([100, 200, 150, 30_000], { currency: "JPY" }), "small-then-large"],
  [
    "payments of up to 1 dinar, which has three decimals,",
    payments([900, 1_000, 500, 90_000], { currency: "KWD" }),
    "card-testing",
  ],
])("%s before a large one are %s", (_, given, kind) => {
  expect(tellStory(given)).toMatchObject({ kind });
});

test.each([
  ["a jump among the small payments", [10, 100, 120, 130, 5_000], 4],
  ["a card verification", [0, 100, 200, 300, 29_690], 4],
])("regression #32: %s does not hide the story", (_, amounts, small) => {
  expect(tellStory(payments(amounts))).toMatchObject({ kind: "card-testing", payments: small, later: 0 });
});

test("three payments of the same amount within a day are a story", () => {
  const given = payments([4_999, 4_999, 4_999]);
  expect(tellStory(given)).toEqual({
    kind: "same-amount",
    payments: 3,
    amountMinor: 4_999,
    currency: "EUR",
    spanMs: 2 * MINUTE_MS,
  });
});

test("a burst has the number of terminals, and a total amount only if all payments have the same currency", () => {
  const given = payments([5_000, 7_000, 9_000, 6_000]).map((one, index) => ({ ...one, terminalId: `T${index % 3}` }));
  const burst = { kind: "burst", payments: 4, terminals: 3, spanMs: 3 * MINUTE_MS };
  expect(tellStory(given)).toMatchObject({ ...burst, currencies: 1, sumMinor: 27_000 });
  const mixed = given.map((one, index) => ({ ...one, currency: index === 0 ? "USD" : "EUR" }));
  expect(tellStory(mixed)).toMatchObject({ ...burst, currencies: 2, sumMinor: null });
});

test.each<[string, readonly StoryPayment[]]>([
  ["an empty case", []],
  ["one payment", payments([29_690])],
  ["two small payments before a large one", payments([100, 200, 29_690])],
  ["a large payment that comes first", payments([29_690, 100, 200, 300].slice(0, 3))],
  ["amounts that are not ten times as large", payments([100, 200, 900])],
  [
    "several currencies",
    payments([100, 200, 300, 29_690]).map((one, at) => ({
      ...one,
      currency: at === 1 ? "SEK" : "EUR",
      occurredAtMs: at * HOUR_MS,
    })),
  ],
  [
    "amounts of 0, as for card verifications",
    payments([0, 0, 0, 29_690]).map((one, at) => ({ ...one, occurredAtMs: at * HOUR_MS })),
  ],
  [
    "small payments on the day before a large one",
    payments([100, 200, 300, 29_690]).map((one, at) => ({ ...one, occurredAtMs: at * 9 * HOUR_MS })),
  ],
  [
    "the same amount once a week",
    payments([999, 999, 999]).map((one, at) => ({ ...one, occurredAtMs: at * 168 * HOUR_MS })),
  ],
  [
    "four payments within an hour",
    payments([500, 700, 900, 600]).map((one, at) => ({ ...one, occurredAtMs: at * 20 * MINUTE_MS })),
  ],
  ["more payments than the maximum", payments(Array.from({ length: STORY_PAYMENTS_MAX + 1 }, () => 100))],
])("finds no story in %s", (_, given) => {
  expect(tellStory(given)).toBeNull();
});
