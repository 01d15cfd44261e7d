import { readdirSync, readFileSync } from "node:fs";
import { countRequest } from "@tripline/telemetry/request-durations";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import { writeMetrics } from "@tripline/telemetry/write-metrics";
import { parse } from "yaml";
import { z } from "zod";

const ROOT = new URL("../../../../", import.meta.url);
const DASHBOARDS = new URL("deploy/helm/tripline/dashboards/", ROOT);
const ALERTS = ["alerts", "alerts-gone"].map((name) => new URL(`deploy/helm/tripline/files/${name}.yaml`, ROOT));
const OPERATIONS = readFileSync(new URL("docs/operations.md", ROOT), "utf8");
const ANALYSIS = new URL("deploy/helm/tripline/templates/rollout-analysis.yaml", ROOT);
/** Series that the store collector exports, by receiver, and their labels. */
const { labels: storeLabels, ...stores } = z
  .object({ labels: z.array(z.string()) })
  .catchall(z.record(z.string(), z.string()))
  .parse(parse(readFileSync(new URL("deploy/observability/store-metrics.yaml", ROOT), "utf8")));
const NAME = /\b(?:tripline|nodejs|process|http_server|kafka|redis|postgresql)_[a-z0-9_]+/g;
const INSTRUMENT = /\b(counter|histogram|gauge|labelledGauge)[(:]\s*"([^"]+)"/g;
/** Names of metrics that measure time and must include the unit. */
const TIME = /duration|latency|delay|_age|_lag_p|_ms/;

const alertsFile = z.object({
  groups: z.array(
    z.object({ rules: z.array(z.object({ alert: z.string(), labels: z.object({ severity: z.string() }) })) }),
  ),
});
const dashboard = z.object({ title: z.string(), panels: z.array(z.object({ title: z.string() })) });

/** The Prometheus series of an instrument. */
function seriesOf(kind: string, name: string): string[] {
  return kind === "histogram" ? ["bucket", "count", "sum"].map((part) => `${name}_${part}`) : [name];
}

/** All source code except tests. */
function readSources(): string[] {
  return ["apps/", "packages/"].flatMap((group) =>
    readdirSync(new URL(group, ROOT)).flatMap((name) => {
      const folder = new URL(`${group}${name}/src/`, ROOT);
      return readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
        .map((file) => readFileSync(new URL(file, folder), "utf8"));
    }),
  );
}

const sources = readSources();

/** All of our own metrics, found in the code that creates them. */
function ownMetrics(): readonly (readonly [kind: string, name: string])[] {
  return sources.flatMap((text) => [...text.matchAll(INSTRUMENT)].map(([, kind = "", name = ""]) => [kind, name]));
}

/** Labels from the code, from Prometheus, and from the scrape configuration. */
function knownLabels(): ReadonlySet<string> {
  const lists = sources.flatMap((text) => [...text.matchAll(/(?:labels: |LABELS = )\[([^\]]*)\]/g)]);
  const own = lists.flatMap(([, list = ""]) => [...list.matchAll(/"(\w+)"/g)].map(([, name = ""]) => name));
  return new Set([...own, ...storeLabels, "le", "job", "instance", "service"]);
}

/** All series that a service can export: its own, and those common to all services. */
async function shownSeries(): Promise<ReadonlySet<string>> {
  const telemetry = startTelemetry({ service: "test" });
  countRequest("GET", "/", 200, 0);
  const { body } = await writeMetrics();
  await telemetry.shutdown();
  const common = [...body.matchAll(/^([a-z]\w+)/gm)].map(([, name = ""]) => name);
  const ofStores = Object.values(stores).flatMap((metrics) => Object.values(metrics));
  return new Set([...common, ...ofStores, ...ownMetrics().flatMap(([kind, name]) => seriesOf(kind, name))]);
}

describe("metrics in dashboards, alerts and rollout analysis", () => {
  let shown: ReadonlySet<string>;
  beforeAll(async () => {
    shown = await shownSeries();
  });
  const files = [...readdirSync(DASHBOARDS).map((file) => new URL(file, DASHBOARDS)), ...ALERTS, ANALYSIS];

  test("the services' series exist in their code", () => {
    expect(shown).toContain("tripline_decisions_made_total");
    expect(shown).toContain("tripline_decisions_latency_seconds_bucket");
    expect(shown).toContain("tripline_ingestion_waiters");
    expect(shown).toContain("process_cpu_seconds_total");
    expect(shown).toContain("process_resident_memory_bytes");
  });

  test("every duration metric is in seconds and has the unit in its name", () => {
    const times = ownMetrics().filter(([, name]) => TIME.test(name));
    expect(times.length).toBeGreaterThan(8);
    expect(times.filter(([, name]) => !name.endsWith("_seconds"))).toEqual([]);
  });

  test.each(files.map((file) => [file.pathname.split("/").at(-1) ?? "", file] as const))(
    "%s uses only existing series",
    (_name, file) => {
      const named = new Set(readFileSync(file, "utf8").match(NAME));
      expect(named.size).toBeGreaterThan(0);
      expect([...named].filter((series) => !shown.has(series))).toEqual([]);
    },
  );

  test("the stores' series have Prometheus's names for OpenTelemetry metrics", () => {
    const wrong = Object.values(stores).flatMap((metrics) =>
      Object.entries(metrics).filter(([name, series]) => !series.startsWith(name.replaceAll(".", "_"))),
    );
    expect(wrong).toEqual([]);
  });

  test("dashboards and alerts use existing labels", () => {
    const known = knownLabels();
    expect(known).toContain("http_route");
    const texts = files.map((file) => readFileSync(file, "utf8").replaceAll('\\"', '"'));
    const grouped = texts.flatMap((text) => [...text.matchAll(/\bby \(([^)]*)\)/g)]);
    const chosen = texts.flatMap((text) => [...text.matchAll(/[{,]\s*(\w+)(?:=~|!~|!=|=)"/g)]);
    const labels = [...grouped.flatMap(([, list = ""]) => list.split(/,\s*/)), ...chosen.map(([, name = ""]) => name)];
    expect(labels.length).toBeGreaterThan(50);
    expect([...new Set(labels)].filter((label) => !known.has(label))).toEqual([]);
  });

  test("docs/operations.md explains every alert and its urgency", () => {
    const groups = ALERTS.flatMap((file) => alertsFile.parse(parse(readFileSync(file, "utf8"))).groups);
    const alerts = new Set(
      groups.flatMap(({ rules }) => rules.map(({ alert, labels }) => `${alert} (${labels.severity})`)),
    );
    const sections = OPERATIONS.matchAll(/^### (\w+)\n\n\*\*(page|ticket)\*\*, [a-z ]+ · /gm);
    expect([...sections].map(([, name, severity]) => `${name} (${severity})`).sort()).toEqual([...alerts].sort());
  });

  test("docs/operations.md names existing series and panels", () => {
    const series = [...new Set(OPERATIONS.match(NAME))];
    expect(series.length).toBeGreaterThan(5);
    expect(series.filter((name) => !shown.has(name) && !shown.has(`${name}_count`))).toEqual([]);
    const titles = readdirSync(DASHBOARDS).flatMap((file) => {
      const { title, panels } = dashboard.parse(JSON.parse(readFileSync(new URL(file, DASHBOARDS), "utf8")));
      return [title, ...panels.map((panel) => panel.title)];
    });
    const section = /\n## Dashboards\n([\s\S]*?)\n## /.exec(OPERATIONS)?.[1] ?? "";
    const named = [...section.matchAll(/`([A-Z][^`]+)`/g)].map(([, title = ""]) => title);
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => !titles.some((title) => title.startsWith(name)))).toEqual([]);
  });
});
