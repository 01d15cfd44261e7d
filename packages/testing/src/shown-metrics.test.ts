import { readdirSync, readFileSync } from "node:fs";

const ROOT = new URL("../../../", import.meta.url);
const DASHBOARDS = new URL("deploy/helm/tripline/dashboards/", ROOT);
const ALERTS = new URL("deploy/helm/tripline/files/alerts.yaml", ROOT);
const NAME = /\b(?:tripline|nodejs)_[a-z0-9_]+/g;
const INSTRUMENT =
  /(counter|histogram|gauge|createCounter|createHistogram|createObservableGauge)\(\s*"((?:tripline|nodejs)\.[a-z0-9._]+)"/gi;

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

describe("what dashboards and alerts show", () => {
  const shown = shownSeries();
  const files = [...readdirSync(DASHBOARDS).map((file) => new URL(file, DASHBOARDS)), ALERTS];

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

  test("docs/operations.md says of every alert what to do", () => {
    const alerts = [...readFileSync(ALERTS, "utf8").matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name);
    const rows = readFileSync(new URL("docs/operations.md", ROOT), "utf8").matchAll(
      /^\| `(\w+)` \((?:page|ticket)\)/gm,
    );
    expect([...rows].map(([, name = ""]) => name).sort()).toEqual(alerts.sort());
  });
});
