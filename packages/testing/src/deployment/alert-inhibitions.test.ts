import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const FILE = new URL("../../../../deploy/helm/tripline/files/alertmanager.yaml", import.meta.url);
const matchers = z.array(z.string());
const { inhibit_rules: RULES } = z
  .object({
    inhibit_rules: z.array(
      z.object({ source_matchers: matchers, target_matchers: matchers, equal: z.array(z.string()).default([]) }),
    ),
  })
  .parse(parse(readFileSync(FILE, "utf8")));

type Labels = Readonly<Record<string, string>>;

/** As in Alertmanager: a missing label is empty, and a pattern must match the whole value. */
function matches(labels: Labels, matcher: string): boolean {
  const [, name = "", operator, value = ""] = /^(\w+)(=~?)"(.*)"$/.exec(matcher) ?? [];
  const found = labels[name] ?? "";
  if (operator === undefined) throw new Error(`This test cannot read ${matcher}.`);
  return operator === "=" ? found === value : new RegExp(`^(?:${value})$`).test(found);
}

const isInhibited = (target: Labels, source: Labels): boolean =>
  RULES.some(
    (rule) =>
      rule.source_matchers.every((matcher) => matches(source, matcher)) &&
      rule.target_matchers.every((matcher) => matches(target, matcher)) &&
      rule.equal.every((name) => (source[name] ?? "") === (target[name] ?? "")),
  );

const unavailable = (check: string): Labels => ({ alertname: "StoreUnavailable", check });

test.each([
  ["postgres", { alertname: "ConsumerLag", group: "console" }, true],
  ["postgres", { alertname: "PartitionStuck", group: "live-control-webhooks" }, true],
  ["postgres", { alertname: "LabelsWaiting" }, true],
  ["postgres", { alertname: "ConsumerLag", group: "features" }, false],
  ["postgres", { alertname: "PartitionStuck", group: "decisions" }, false],
  ["redis", { alertname: "ConsumerLag", group: "features" }, true],
  ["redis", { alertname: "ConsumerLag", group: "console" }, false],
  ["kafka", { alertname: "ConsumerLag", group: "archive" }, true],
])("regression #26: an outage of %s inhibits %j: %s", (check, target, expected) => {
  expect(isInhibited(target, unavailable(check))).toBe(expected);
});

test("regression #26: a cause inhibits no alert of another installation", () => {
  const stopped = { alertname: "DecisionsStopped" };
  for (const name of ["cluster", "prometheus"]) {
    const [here, there] = [{ [name]: "production" }, { [name]: "staging" }];
    expect(isInhibited({ ...stopped, ...here }, { ...unavailable("kafka"), ...here })).toBe(true);
    expect(isInhibited({ ...stopped, ...here }, { ...unavailable("kafka"), ...there })).toBe(false);
  }
});
