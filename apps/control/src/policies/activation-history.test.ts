import type { PastActivation } from "./activation-history.js";
import { ActivationHistory } from "./activation-history.js";

const HOUR_MS = 3_600_000;

/**
 * A history: `a` is the text of a revision, `-` is none. `a*` completed its monitoring period, `<a` is a rollback to
 * it, `?a` an activation despite an earlier rollback, `a!` was not monitored, `~a` is from a release without kinds,
 * `~a:guard` by its guard.
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
  // No policy was active before the first one.
  ["", "a", "new"],
  ["", NONE, "return", true],
  ["a", NONE, "return", true],
  ["a*", "a", "return", true],
  ["a", "a", "return", false],
  // An activation, and a rollback to the previous one.
  ["a* b", "a", "return", true],
  ["a* b", "c", "new"],
  ["a* b* c", "b", "return", true],
  ["a* b* c", "a", "new"],
  // Another attempt after a rollback by a guard or a user.
  ["a* b <a", "b", "suspect"],
  ["a* b <a <b", "b", "return"],
  ["a* b* <a", "b", "suspect"],
  ["a* b <a", NONE, "return", true],
  // After two consecutive rollbacks, neither revision is the target of another rollback.
  ["a* b <a c <a", "b", "suspect"],
  ["a* b <a c <a", "c", "suspect"],
  ["a* b <a c", "a", "return", true],
  ["a* b <a c", "b", "suspect"],
  // After another approval, it is like any other revision.
  ["a* b <a ?b", "b", "return", false],
  ["a* b <a ?b* c", "b", "return", true],
  ["a* b <a ?b <a", "b", "suspect"],
  ["a* b* <a ?b c", "b", "return", false],
  // A bad draft, its immediate replacement, and the bad draft again: its monitoring continues.
  ["a* b c", "b", "return", false],
  ["a* b! c", "b", "return", true],
  // A withdrawal counts as an activation.
  ["a* -", "a", "return", true],
  ["a* - <a", NONE, "suspect"],
  ["a* b* -", "a", "new"],
  // From earlier releases: rollbacks by users and by the guard.
  ["~a ~b ~a", "b", "suspect"],
  ["~a ~b ~a:guard", "b", "suspect"],
  ["~a ~b", "a", "return", false],
];

const filled = cases.map(([story, next, kind, hasStood]) => ({ story, next, kind, hasStood }));

test.each(filled)(
  "regression #24: after `$story`, the activation of $next is $kind",
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

test("an incomplete history has no information about the time before it", () => {
  expect(historyOf("a", false).returnTarget).toBeUndefined();
  expect(historyOf("a", false).standingOf(null).kind).toBe("new");
});

test("the same text with another revision number is the same policy", () => {
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
