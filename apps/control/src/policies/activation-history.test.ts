import type { PastActivation } from "./activation-history.js";
import { ActivationHistory } from "./activation-history.js";

const HOUR_MS = 3_600_000;

/**
 * A story: `a` is the text of a revision, `-` none at all. `a*` stood its watch, `<a` is a return to it, `?a` an activation although it was
 * rolled back, `a!` was not watched, `~a` was made by a release that stored no kinds, `~a:guard` by the guard of such a release.
 */
function historyOf(story: string, isComplete = true): ActivationHistory {
  const past = story
    .split(" ")
    .filter(Boolean)
    .map((step, index): PastActivation => {
      const [, sign = "", name = "", end = "", by = "ann"] = /^([<?~]?)([a-z-])([*!]?)(?::(\w+))?$/.exec(step) ?? [];
      const kinds = { "<": "return", "?": "suspect", "": "new", "~": null } as const;
      return {
        activation: index + 1,
        revision: name === "-" ? null : name.charCodeAt(0) - 96,
        sha256: name === "-" ? null : name,
        author: by,
        kind: kinds[sign as keyof typeof kinds],
        activatesAtMs: index * 1_000,
        isWatched: end !== "!",
        stoodAtMs: end === "*" ? 1 : null,
      };
    });
  return new ActivationHistory(past, isComplete, HOUR_MS * 10);
}

const NONE = "-";
const cases: [story: string, next: string, kind: string, hasStood?: boolean][] = [
  // Nothing was in force before the first one.
  ["", "a", "new"],
  ["", NONE, "return", true],
  ["a", NONE, "return", true],
  ["a*", "a", "return", true],
  ["a", "a", "return", false],
  // Forward, and back to the one before.
  ["a* b", "a", "return", true],
  ["a* b", "c", "new"],
  ["a* b* c", "b", "return", true],
  ["a* b* c", "a", "new"],
  // A second try of what a guard or a person rolled back.
  ["a* b <a", "b", "suspect"],
  ["a* b <a <b", "b", "return"],
  ["a* b* <a", "b", "suspect"],
  ["a* b <a", NONE, "return", true],
  // Of two that were rolled back, one after the other, neither is what a return goes to.
  ["a* b <a c <a", "b", "suspect"],
  ["a* b <a c <a", "c", "suspect"],
  ["a* b <a c", "a", "return", true],
  ["a* b <a c", "b", "suspect"],
  // Approved again, it is like any other one.
  ["a* b <a ?b", "b", "return", false],
  ["a* b <a ?b* c", "b", "return", true],
  ["a* b <a ?b <a", "b", "suspect"],
  ["a* b* <a ?b c", "b", "return", false],
  // A bad one, something else at once, and back to the bad one: that one's watch goes on.
  ["a* b c", "b", "return", false],
  ["a* b! c", "b", "return", true],
  // A withdrawal is an activation like any other.
  ["a* -", "a", "return", true],
  ["a* - <a", NONE, "suspect"],
  ["a* b* -", "a", "new"],
  // Of earlier releases: who went back, and what the guard did.
  ["~a ~b ~a", "b", "suspect"],
  ["~a ~b ~a:guard", "b", "suspect"],
  ["~a ~b", "a", "return", false],
];

const filled = cases.map(([story, next, kind, hasStood]) => ({ story, next, kind, hasStood }));

test.each(filled)(
  "regression #24: after `$story` the activation of $next is $kind",
  ({ story, next, kind, hasStood }) => {
    const { kind: found, policy } = historyOf(story).standingOf(next === NONE ? null : next);
    expect(found).toBe(kind);
    if (hasStood !== undefined) expect(policy?.hasStood).toBe(hasStood);
  },
);

test("an activation by an earlier release counts as established after an hour in force", () => {
  expect(historyOf("~a").current?.hasStood).toBe(true);
  expect(historyOf("~a ~b ~c").standingOf("b").policy?.hasStood).toBe(false);
});

test("an incomplete history says nothing about the time before it", () => {
  expect(historyOf("a", false).returnTarget).toBeUndefined();
  expect(historyOf("a", false).standingOf(null).kind).toBe("new");
});

test("the same text with another number is the same policy", () => {
  const [a, b] = ["a", "b"].map((sha256, index) => ({
    ...{ activation: index + 1, revision: index + 1, sha256, author: "ann", kind: "new" as const },
    ...{ activatesAtMs: index, isWatched: true, stoodAtMs: index === 0 ? 1 : null },
  })) as [PastActivation, PastActivation];
  const back: PastActivation = { ...a, activation: 3, revision: 1, kind: "return", activatesAtMs: 2 };
  const again: PastActivation = { ...b, activation: 4, revision: 9, kind: "suspect", activatesAtMs: 3 };
  expect(new ActivationHistory([a, b, back], true, 4).standingOf("b")).toMatchObject({
    kind: "suspect",
    policy: { rolledBackAtMs: 2 },
  });
  expect(new ActivationHistory([a, b, back, again], true, 4).current).toMatchObject({ revision: 9, activation: 4 });
});
