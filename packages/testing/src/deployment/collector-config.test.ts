import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { readTraceContract } from "../support/trace-contract.js";

const ROOT = new URL("../../../../", import.meta.url);

interface Policy {
  readonly name: string;
  readonly type: string;
  readonly string_attribute?: { readonly key: string; readonly values: readonly string[] };
}

function policiesOf(text: string): readonly Policy[] {
  return parse(text).processors.tail_sampling.policies;
}

const compose = readFileSync(new URL("deploy/observability/collector.yaml", ROOT), "utf8");
/** With the default values; the loop over services does not matter here. */
const chart = readFileSync(new URL("deploy/helm/tripline/files/collector.yaml.tpl", ROOT), "utf8")
  .replaceAll("{{ .Values.telemetry.collector.slowMs }}", "250")
  .replaceAll("{{ .Values.telemetry.collector.restPercent }}", "10")
  .replaceAll(/\{\{.*?\}\}/g, "x")
  .replaceAll(/^\s*x\n/gm, "");

test("the collectors of compose and chart keep the same traces", () => {
  expect(policiesOf(chart)).toEqual(policiesOf(compose));
  expect(policiesOf(compose).map(({ name }) => name)).toEqual([
    "declined",
    "without-the-model",
    "slow",
    "failed",
    "rest",
  ]);
});

test("they judge traces by attributes that arrive, and by values that these have", () => {
  const attributes = Object.assign({}, ...readTraceContract().payment.map((span) => span.attributes));
  const judged = policiesOf(compose).flatMap(({ string_attribute }) => string_attribute ?? []);
  expect(judged.length).toBe(2);
  for (const { key, values } of judged) {
    const form = String(attributes[key]);
    for (const value of values)
      expect([key, value, new RegExp(form.slice(1, -1)).test(value)]).toEqual([key, value, true]);
  }
});

test.each(["traces", "metrics", "logs"])("%s pass through both", (signal) => {
  for (const text of [compose, chart]) {
    const pipeline = parse(text).service.pipelines[signal];
    expect(pipeline.receivers).toContain("otlp");
    expect(pipeline.exporters.length).toBe(1);
  }
});
