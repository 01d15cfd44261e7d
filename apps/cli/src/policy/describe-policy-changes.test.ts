import { describePolicyChanges } from "./describe-policy-changes.js";

const OLD = `version: 1
# A comment.
rules:
  - { id: one, when: amount > 500, reason: ONE, action: review, text: "One." }
  - { id: two, when: amount > 900, reason: TWO, action: decline, text: "Two." }
bands:
  - { at_least: 0.6, action: decline, reason: HIGH, text: "High." }
default_decision: { default: { action: review, reason: NO_FACTS, text: "Nothing." } }
`;

test("ignores comments and layout", () => {
  expect(
    describePolicyChanges(OLD, OLD.replace("# A comment.\n", "").replace("amount > 500", '"amount > 500"')),
  ).toEqual([]);
});

test("describes each change to a rule, a band or the version in one line", () => {
  const now = OLD.replace("version: 1", "version: 2")
    .replace("amount > 500", "amount > 400")
    .replace("0.6", "0.7")
    .replace(
      "{ id: two, when: amount > 900, reason: TWO,",
      "{ id: three, when: amount > 900, reason: THREE, mode: shadow,",
    );
  expect(describePolicyChanges(OLD, now)).toEqual([
    "~ version: 1 -> 2",
    "- rule two",
    "~ rule one: when: amount > 500 -> amount > 400",
    "+ rule three: decline (THREE) when amount > 900",
    expect.stringMatching(/^~ bands: .*0\.6.* -> .*0\.7/),
  ]);
});

test("shows an added budget", () => {
  const answer = 'action: decline, reason: SPENT, text: "Spent."';
  const budget = `{ action: review, per_day: 200, time_zone: UTC, when_spent: [{ ${answer} }] }`;
  const [line, ...others] = describePolicyChanges(
    OLD,
    OLD.replace("default_decision", `budgets: [${budget}]\ndefault_decision`),
  );
  expect(line).toMatch(/^~ budgets: \[\] -> .*"per_day":200/);
  expect(others).toEqual([]);
});

test("shows rules in a new order", () => {
  const [head = "", one = "", two = "", ...rest] = OLD.split(/(?= {2}- \{ id)/);
  const bands = two.split("bands:");
  const now = `${head}${bands[0]}${one}bands:${bands[1] ?? ""}${rest.join("")}`;
  expect(describePolicyChanges(OLD, now)).toEqual(["~ order of rules: two, one"]);
});
