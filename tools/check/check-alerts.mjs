// Checks the alerts: each one has a case in deploy/observability/alerts*.test.yaml that fires it, and an existing runbook. The
// job names in their expressions match the jobs of compose's Prometheus and of the rendered chart, including its collector.
// promtool parses the queries of dashboards, and amtool checks the configuration of Alertmanager, whose inhibitions must name
// existing alerts. promtool, amtool and helm are used if installed; skipped checks are listed. `--full` fails if one was skipped.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments, stringify } from "yaml";
import { jobsOfCollector, jobsOfPrometheus, jobsOfServiceMonitor } from "./read-jobs.mjs";
import { reportFindings } from "./report-findings.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CHART = join("deploy", "helm", "tripline");
const RULES = join(CHART, "files", "alerts.yaml");
/** Alerts for targets that have disappeared entirely. */
const GONE_RULES = join(CHART, "files", "alerts-gone.yaml");
const CASES = join("deploy", "observability", "alerts.test.yaml");
/** Test cases that simulate a whole day. */
const LONG_CASES = join("deploy", "observability", "alerts-day.test.yaml");
const DASHBOARDS = join(CHART, "dashboards");
const PROMETHEUS = join("deploy", "observability", "prometheus.yaml");
const ALERTMANAGER = join(CHART, "files", "alertmanager.yaml");
const PROMETHEUS_LITE = join("deploy", "observability", "prometheus.lite.yaml");
const TOOL_TIMEOUT_MS = 240_000;
/** Job names must not depend on the release name. */
const RELEASES = ["tripline", "shop"];
const MONITORING = ["monitoring.serviceMonitor", "monitoring.prometheusRule", "telemetry.collector"].flatMap((part) => [
  "--set",
  `${part}.enabled=true`,
]);

/**
 * @typedef {{ alert: string, expr: string, labels: Record<string, string>, annotations: Record<string, string> }} Rule
 * @typedef {{ name: string, input_series: { series: string }[], alert_rule_test: { alertname: string, exp_alerts?: unknown[] }[] }} Case
 */

/** @type {string[]} */
const faults = [];
/** @type {string[]} */
const skipped = [];

const rules = [RULES, GONE_RULES].flatMap(rulesOf);
/** @type {Case[]} */
const cases = [CASES, LONG_CASES].flatMap((file) => read(file).tests);

checkCases();
checkRunbooks();
checkInhibitions();
checkJobs(PROMETHEUS, jobsOfPrometheus(read(PROMETHEUS)));
const hasPromtool = isInstalled("promtool", ["--version"]);
if (isInstalled("helm", ["version"])) for (const release of RELEASES) checkChart(release);
else skipped.push("the jobs of the rendered chart: helm is not installed");
if (hasPromtool) checkWithPromtool();
else skipped.push("rules and their cases: promtool is not installed (it comes with Prometheus)");
if (isInstalled("amtool", ["--version"])) expectSuccess("amtool", ALERTMANAGER, ["check-config", ALERTMANAGER]);
else skipped.push("the configuration of Alertmanager: amtool is not installed (it comes with Alertmanager)");

if (process.argv.includes("--full") && skipped.length > 0)
  faults.push("Install the tools of the skipped checks: --full requires all of them.");
reportFindings({ faults, skipped });

/** A rule that is not fired by any case may be unable to fire at all. */
function checkCases() {
  const fired = new Set(
    cases.flatMap((one) => one.alert_rule_test.filter((test) => test.exp_alerts?.length).map((test) => test.alertname)),
  );
  const without = [...new Set(rules.map(({ alert }) => alert))].filter((alert) => !fired.has(alert));
  if (without.length > 0) faults.push(`${CASES}: no case covers ${without.join(", ")}; write a case for each.`);
}

function checkRunbooks() {
  for (const where of [RULES, GONE_RULES]) {
    for (const { alert, annotations } of rulesOf(where)) {
      const [, file = "", anchor = ""] = /^(docs\/[\w-]+\.md)#([\w-]+)$/.exec(annotations.runbook_url ?? "") ?? [];
      const headings = file === "" ? [] : anchorsOf(readFileSync(join(ROOT, file), "utf8"));
      if (headings.includes(anchor)) continue;
      faults.push(
        `${where}: ${alert} has the runbook_url ${annotations.runbook_url}; use a heading of a document, for instance docs/operations.md#${alert.toLowerCase()}.`,
      );
    }
  }
}

/** After an alert is renamed, an inhibition that uses its old name has no effect. */
function checkInhibitions() {
  const known = new Set(rules.map(({ alert }) => alert));
  const matchers = read(ALERTMANAGER).inhibit_rules.flatMap(
    (/** @type {{ source_matchers: string[], target_matchers: string[] }} */ rule) => [
      ...rule.source_matchers,
      ...rule.target_matchers,
    ],
  );
  const named = matchers.flatMap(
    (/** @type {string} */ matcher) => /^alertname=~?"([^"]+)"$/.exec(matcher)?.[1]?.split("|") ?? [],
  );
  const unknown = named.filter((/** @type {string} */ name) => !known.has(name));
  if (unknown.length > 0) faults.push(`${ALERTMANAGER}: there is no rule named ${unknown.join(", ")}.`);
}

/** Anchors as GitHub derives them from headings. @param {string} text */
function anchorsOf(text) {
  return Array.from(text.matchAll(/^#+ (.*)$/gm), ([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(/\s/g, "-"),
  );
}

/**
 * Checks that rules about `up` find every existing job, and that their test cases use the same jobs.
 *
 * @param {string} where
 * @param {readonly string[]} jobs
 */
function checkJobs(where, jobs) {
  if (jobs.length === 0) faults.push(`${where}: no job was found.`);
  const down = rules.flatMap(({ expr }) =>
    Array.from(expr.matchAll(/^up\{job=~"([^"]+)"\}/g), ([, name = ""]) => name),
  );
  const isWatched = (/** @type {string} */ job) => down.some((pattern) => new RegExp(`^(?:${pattern})$`).test(job));
  const absent = rules.flatMap(({ expr }) =>
    Array.from(expr.matchAll(/absent\(up\{job="([^"]+)"\}\)/g), ([, job = ""]) => job),
  );
  const tested = new Set(
    cases.flatMap((one) => one.input_series.flatMap(({ series }) => /^up\{job="([^"]+)"/.exec(series)?.[1] ?? [])),
  );
  for (const job of jobs) {
    if (!isWatched(job)) faults.push(`${RULES}: no rule fires if the job ${job} of ${where} does not respond.`);
    if (!absent.includes(job)) faults.push(`${GONE_RULES}: no rule fires if the job ${job} of ${where} is absent.`);
    if (!tested.has(job)) faults.push(`${CASES}: no case has the job ${job} of ${where}.`);
  }
  const unknown = [...absent, ...[...tested].filter(isWatched)].filter((job) => !jobs.includes(job));
  if (unknown.length > 0) faults.push(`${where} has no series with the job ${[...new Set(unknown)].join(", ")}.`);
}

/** @param {string} release */
function checkChart(release) {
  const values = ["--values", join(CHART, "values-local.yaml"), ...MONITORING];
  const { status, output } = run("helm", ["template", release, CHART, "--namespace", "tripline", ...values]);
  if (status !== 0) {
    faults.push(`helm template ${release} failed:\n${output.trimEnd()}`);
    return;
  }
  const objects = parseAllDocuments(output).map((document) => document.toJS());
  checkJobs(`the chart (release ${release})`, jobsOfServiceMonitor(objects));
  checkJobs(`the chart's collector (release ${release})`, jobsOfCollector(objects));
  const rendered = objects.find((object) => object?.kind === "PrometheusRule");
  if (!hasPromtool) return;
  const folder = mkdtempSync(join(tmpdir(), "tripline-alerts-"));
  try {
    const file = join(folder, "alerts.yaml");
    writeFileSync(file, stringify(rendered?.spec ?? {}));
    expectSuccess("promtool", `the chart's rules (release ${release})`, ["check", "rules", file]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function checkWithPromtool() {
  for (const file of [RULES, GONE_RULES]) expectSuccess("promtool", file, ["check", "rules", file]);
  for (const file of [CASES, LONG_CASES]) expectSuccess("promtool", file, ["test", "rules", file]);
  for (const file of [PROMETHEUS, PROMETHEUS_LITE])
    expectSuccess("promtool", file, ["check", "config", "--syntax-only", file]);
  checkDashboards();
}

/** Converts each panel's query to a rule that promtool can parse, with an interval as Grafana sets it. */
function checkDashboards() {
  const folder = mkdtempSync(join(tmpdir(), "tripline-dashboards-"));
  try {
    for (const name of readdirSync(join(ROOT, DASHBOARDS))) {
      /** @type {{ panels: { targets: { expr: string }[] }[] }} */
      const { panels } = JSON.parse(readFileSync(join(ROOT, DASHBOARDS, name), "utf8"));
      const queries = panels.flatMap(({ targets }) =>
        targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "5m")),
      );
      const rules = queries.map((expr, index) => ({ record: `panel:query${index}`, expr }));
      const file = join(folder, `${name}.yaml`);
      writeFileSync(file, stringify({ groups: [{ name, rules }] }));
      expectSuccess("promtool", join(DASHBOARDS, name), ["check", "rules", file]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * @param {"promtool" | "amtool"} tool
 * @param {string} what
 * @param {readonly string[]} args
 */
function expectSuccess(tool, what, args) {
  const { status, output } = run(tool, args);
  if (status === 0) process.stdout.write(`ok: ${what}\n`);
  else faults.push(`${tool} ${args.slice(0, 2).join(" ")}, ${what} failed:\n${output.trimEnd()}`);
}

/**
 * @param {string} file from the root
 * @returns {Rule[]}
 */
function rulesOf(file) {
  return read(file).groups.flatMap((/** @type {{ rules: Rule[] }} */ group) => group.rules);
}

/** @param {string} file from the root */
function read(file) {
  return parse(readFileSync(join(ROOT, file), "utf8"));
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function run(command, args) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", timeout: TOOL_TIMEOUT_MS });
  const errors = result.status === 0 ? "" : `${result.stderr ?? ""}${result.error?.message ?? ""}`;
  return { status: result.status, output: `${result.stdout ?? ""}${errors}` };
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function isInstalled(command, args) {
  return spawnSync(command, args, { stdio: "ignore", timeout: TOOL_TIMEOUT_MS }).status === 0;
}
