import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const ROOT = new URL("../../../", import.meta.url);
const DASHBOARDS = new URL("deploy/helm/tripline/dashboards/", ROOT);
const ALERTS = new URL("deploy/helm/tripline/files/alerts.yaml", ROOT);
const OPERATIONS = readFileSync(new URL("docs/operations.md", ROOT), "utf8");
const ANALYSIS = new URL("deploy/helm/tripline/templates/rollout-analysis.yaml", ROOT);
const NAME = /\b(?:tripline|nodejs)_[a-z0-9_]+/g;
const INSTRUMENT =
  /(counter|histogram|gauge|createCounter|createHistogram|createObservableGauge)\(\s*"((?:tripline|nodejs)\.[a-z0-9._]+)"/gi;

const alertsFile = z.object({
  groups: z.array(
    z.object({ rules: z.array(z.object({ alert: z.string(), labels: z.object({ severity: z.string() }) })) }),
  ),
});
const dashboard = z.object({ title: z.string(), panels: z.array(z.object({ title: z.string() })) });

/** What Prometheus calls the series of an instrument. */
function seriesOf(kind: string, name: string): string[] {
  const plain = name.replaceAll(".", "_");
  if (/counter/i.test(kind)) return [`${plain}_total`];
  if (/histogram/i.test(kind)) return ["bucket", "count", "sum"].map((part) => `${plain}_${part}`);
  return [plain];
}

/** Every series that a service can show, from the code that makes its instruments. */
function shownSeries(): ReadonlySet<string> {
  const sources = ["apps/", "packages/"].flatMap((group) =>
    readdirSync(new URL(group, ROOT)).flatMap((name) => {
      const folder = new URL(`${group}${name}/src/`, ROOT);
      return readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
        .map((file) => readFileSync(new URL(file, folder), "utf8"));
    }),
  );
  return new Set(
    sources.flatMap((text) =>
      [...text.matchAll(INSTRUMENT)].flatMap(([, kind = "", name = ""]) => seriesOf(kind, name)),
    ),
  );
}

describe("what dashboards, alerts and the analysis of new versions show", () => {
  const shown = shownSeries();
  const files = [...readdirSync(DASHBOARDS).map((file) => new URL(file, DASHBOARDS)), ALERTS, ANALYSIS];

  test("the services' series are found in their code", () => {
    expect(shown).toContain("tripline_decisions_made_total");
    expect(shown).toContain("tripline_decisions_latency_bucket");
    expect(shown).toContain("tripline_ingestion_waiters");
  });

  test.each(files.map((file) => [file.pathname.split("/").at(-1) ?? "", file] as const))(
    "%s names series that there are",
    (_name, file) => {
      const named = new Set(readFileSync(file, "utf8").match(NAME));
      expect(named.size).toBeGreaterThan(0);
      expect([...named].filter((series) => !shown.has(series))).toEqual([]);
    },
  );

  test("docs/operations.md says of every alert what to do, and how urgent it is", () => {
    const { groups } = alertsFile.parse(parse(readFileSync(ALERTS, "utf8")));
    const alerts = new Set(
      groups.flatMap(({ rules }) => rules.map(({ alert, labels }) => `${alert} (${labels.severity})`)),
    );
    const sections = OPERATIONS.matchAll(/^### (\w+)\n\n\*\*(page|ticket)\*\* · Fires when /gm);
    expect([...sections].map(([, name, severity]) => `${name} (${severity})`).sort()).toEqual([...alerts].sort());
  });

  test("docs/operations.md names series and panels that there are", () => {
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
