import { readFileSync } from "node:fs";
import { COLLECTOR_USER } from "@tripline/system/access/access-rules";
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
/** With the default values. The loop over services is irrelevant here. */
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

test("the collectors sample traces only by attributes and values that exist", () => {
  const attributes = Object.assign({}, ...readTraceContract().payment.map((span) => span.attributes));
  const judged = policiesOf(compose).flatMap(({ string_attribute }) => string_attribute ?? []);
  expect(judged.length).toBe(2);
  for (const { key, values } of judged) {
    const form = String(attributes[key]);
    for (const value of values)
      expect([key, value, new RegExp(form.slice(1, -1)).test(value)]).toEqual([key, value, true]);
  }
});

test.each(["traces", "metrics", "logs"])("%s pass through both collectors", (signal) => {
  for (const text of [compose, chart]) {
    const pipeline = parse(text).service.pipelines[signal];
    expect(pipeline.receivers).toContain("otlp");
    expect(pipeline.exporters.length).toBe(1);
  }
});

describe("the stores' collector", () => {
  const read = (file: string) => parse(readFileSync(new URL(file, ROOT), "utf8"), { logLevel: "error" });
  const plain = read("deploy/observability/stores.yaml");
  const tls = read("deploy/observability/stores.tls.yaml");
  const { labels: _labels, ...metrics } = read("deploy/observability/store-metrics.yaml");
  const stores = ["kafkametrics", "postgresql", "redis"];

  test("monitors each store, and enables the metrics that dashboards and alerts use", () => {
    expect(Object.keys(plain.receivers).sort()).toEqual(stores);
    expect(plain.service.pipelines.metrics.receivers.toSorted()).toEqual(stores);
    expect(Object.keys(metrics).sort()).toEqual(stores);
    // Metrics that the receivers disable by default.
    expect(plain.receivers.redis.metrics).toEqual({ "redis.maxmemory": { enabled: true } });
    expect(plain.receivers.postgresql.metrics["postgresql.deadlocks"]).toEqual({ enabled: true });
    expect(Object.keys(metrics.redis)).toContain("redis.maxmemory");
    expect(Object.keys(metrics.postgresql)).toContain("postgresql.deadlocks");
  });

  test("trusts only the authority's certificates with TLS, connects as `collector`, and has no other password", () => {
    expect(Object.keys(tls)).toEqual(["receivers"]);
    expect(Object.keys(tls.receivers).sort()).toEqual(stores);
    for (const receiver of stores) {
      const { username, tls: own } = tls.receivers[receiver];
      expect([receiver, own.ca_file]).toEqual([receiver, "/run/tripline/tls/ca.crt"]);
      expect([own.insecure ?? false, own.insecure_skip_verify ?? false]).toEqual([false, false]);
      if (receiver !== "kafkametrics") expect(username).toBe(COLLECTOR_USER);
    }
    const mounted = read("compose.tls.yaml").services["store-collector"].volumes;
    const folders = mounted.flatMap((volume: { volume?: { subpath: string } } | string) =>
      typeof volume === "object" ? [volume.volume?.subpath] : [],
    );
    expect(folders).toEqual([`tls/${COLLECTOR_USER}`]);
  });
});
