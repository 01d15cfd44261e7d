// Checks infra/ and .github/: the layout, who may create topics, and the findings of the installed tools. Skipped checks are
// listed. `--full` also initialises, validates and tests every configuration (providers are downloaded into a temporary folder)
// and fails if a check was skipped.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { reportFindings } from "./report-findings.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const INFRA = join(ROOT, "infra");
const CLOUDS = ["aws", "azure", "gcp"];
const ENVIRONMENTS = ["dev", "staging", "prod"];
const MODULE_FILES = ["main.tf", "outputs.tf", "variables.tf", "versions.tf"];
const PLUGINS = ".plugins";
const LINES_MAX = 400;
const TOOL_TIMEOUT_MS = 600_000;

const full = process.argv.includes("--full");
/** @type {string[]} */
const faults = [];
/** @type {string[]} */
const skipped = [];

checkTopicsJob();
checkLayout();
checkSizes();
checkIdleGpus();
const terraform = ["tofu", "terraform"].find(isInstalled);
if (terraform === undefined) skipped.push("format, validate and test: neither tofu nor terraform is installed");
else checkConfigurations(terraform);
runTool("tflint", ["--recursive", "--config", join(INFRA, ".tflint.hcl")], INFRA);
runTool("checkov", ["--skip-download", "--directory", ".", "--framework", "terraform", "--compact", "--quiet"], INFRA);
runTool("actionlint", [], ROOT);
runTool("zizmor", ["--offline", "--pedantic", "--no-progress", ".github"], ROOT);

if (full && skipped.length > 0) faults.push("Install the tools of the skipped checks: --full requires all of them.");
reportFindings({ faults, skipped });

/** The chart's topics job must use the account that infra/access.yaml allows to create topics. */
function checkTopicsJob() {
  const charts = join(ROOT, "deploy", "helm");
  const template = join(charts, foldersOf(charts)[0] ?? "", "templates", "job-topics.yaml");
  const wears = /serviceAccountName: .*"name" "(\w+)"/.exec(readFileSync(template, "utf8"))?.[1];
  const { services } = parse(readFileSync(join(INFRA, "access.yaml"), "utf8"));
  const may = Object.keys(services).filter((name) => services[name].creates_topics);
  if (may.join() === wears) return;
  faults.push(
    `infra/access.yaml lets ${may.join(", ") || "nobody"} create topics, but the chart's job-topics.yaml uses the account of ${wears}: set creates_topics only for that account.`,
  );
}

/** Every module supports every cloud, every cloud has every environment, and no file is too long to read at once. */
function checkLayout() {
  for (const name of foldersOf(join(INFRA, "modules"))) {
    for (const cloud of CLOUDS) {
      for (const file of MODULE_FILES) expectFile(join("modules", name, cloud, file));
    }
  }
  for (const cloud of CLOUDS) {
    for (const environment of ENVIRONMENTS) expectFile(join("envs", cloud, `${environment}.tfvars`));
  }
  for (const file of readdirSync(INFRA, { recursive: true, encoding: "utf8" })) {
    if (!/\.(tf|hcl|tfvars)$/.test(file) || file.includes(".terraform")) continue;
    const lines = readFileSync(join(INFRA, file), "utf8").split("\n").length;
    if (lines > LINES_MAX) faults.push(`infra/${file} has ${lines} lines; the maximum is ${LINES_MAX}.`);
  }
}

/** Every environment has its sizes in the chart, and workflows deploy only these. */
function checkSizes() {
  const charts = join(ROOT, "deploy", "helm");
  for (const environment of ENVIRONMENTS) {
    const file = join("deploy", "helm", foldersOf(charts)[0] ?? "", `values-${environment}.yaml`);
    if (!existsSync(join(ROOT, file)))
      faults.push(`${file} is missing: infra/envs has the environment ${environment}.`);
  }
  const workflow = join(".github", "workflows", "deploy-services.yml");
  const jobs = Object.entries(parse(readFileSync(join(ROOT, workflow), "utf8")).jobs);
  for (const [name, { with: inputs }] of jobs) {
    if (ENVIRONMENTS.includes(inputs.sizes)) continue;
    faults.push(`${workflow}, job ${name}: sizes is ${inputs.sizes}; it must be one of ${ENVIRONMENTS.join(", ")}.`);
  }
}

/** A GPU node costs hundreds of dollars per month, and the chart only requests one on demand, so none may run by default. */
function checkIdleGpus() {
  for (const file of CLOUDS.flatMap((cloud) => ENVIRONMENTS.map((name) => join("envs", cloud, `${name}.tfvars`)))) {
    const text = existsSync(join(INFRA, file)) ? readFileSync(join(INFRA, file), "utf8") : "";
    for (const [line, pool] of text.matchAll(/^ *([\w-]+) *= \{.*\bgpu = (?:true|").*$/gm)) {
      if (/\bnodes_min = 0\b/.test(line)) continue;
      faults.push(`infra/${file}: the pool ${pool} keeps unused GPU nodes; set its nodes_min to 0.`);
    }
  }
}

/** @param {string} file relative to infra/ */
function expectFile(file) {
  if (!existsSync(join(INFRA, file))) faults.push(`infra/${file} is missing: the three clouds have the same files.`);
}

/** @param {string} command tofu or terraform */
function checkConfigurations(command) {
  expectSuccess("format", command, ["fmt", "-check", "-diff", "-recursive", "-no-color", INFRA], ROOT);
  if (!full) {
    skipped.push(
      "validate and test: they download providers. To run them, use `node tools/check/check-infra.mjs --full`",
    );
    return;
  }
  const copy = mkdtempSync(join(tmpdir(), "tripline-infra-"));
  try {
    cpSync(INFRA, copy, { recursive: true, filter: (source) => !source.endsWith(".terraform") });
    mkdirSync(join(copy, PLUGINS));
    for (const cloud of CLOUDS) {
      const modules = foldersOf(join(copy, "modules")).map((name) => join("modules", name, cloud));
      for (const folder of [join("bootstrap", cloud), join("envs", cloud), ...modules]) {
        checkConfiguration(command, copy, folder, cloud);
      }
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/**
 * @param {string} command tofu or terraform
 * @param {string} copy where infra/ was copied to
 * @param {string} folder below it
 * @param {string} cloud whose provider is needed
 */
function checkConfiguration(command, copy, folder, cloud) {
  const cwd = join(copy, folder);
  const hasTests = existsSync(join(cwd, "tests"));
  // A module without tests is validated as part of its environment.
  if (folder.startsWith("modules") && !hasTests) return;
  const environment = {
    CHECKPOINT_DISABLE: "1",
    TF_DATA_DIR: join(copy, `.data-${folder.replaceAll("/", "-")}`),
    // Downloads each provider once, not once per folder. There is no lock file yet that the cache could break.
    TF_PLUGIN_CACHE_DIR: join(copy, PLUGINS),
    TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE: "1",
  };
  const init = run(command, ["init", "-backend=false", "-input=false", "-no-color"], cwd, environment);
  if (init.status !== 0) {
    skipped.push(`validate and test of ${folder}: the ${cloud} provider cannot be downloaded\n${tail(init.output)}`);
    return;
  }
  expectSuccess(`validate ${folder}`, command, ["validate", "-no-color"], cwd, environment);
  if (!hasTests) return;
  const variants = folder.startsWith("envs") ? ENVIRONMENTS.map((name) => [`-var-file=${name}.tfvars`]) : [[]];
  for (const variant of variants) {
    expectSuccess(`test ${folder} ${variant.join(" ")}`, command, ["test", "-no-color", ...variant], cwd, environment);
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
function runTool(command, args, cwd) {
  if (!isInstalled(command)) skipped.push(`${command}: not installed`);
  else expectSuccess(command, command, args, cwd);
}

/**
 * @param {string} what
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @param {Record<string, string>} [environment]
 */
function expectSuccess(what, command, args, cwd, environment) {
  const { status, output } = run(command, args, cwd, environment);
  if (status === 0) process.stdout.write(`ok: ${what}\n`);
  else faults.push(`${what} failed:\n${tail(output)}`);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @param {Record<string, string>} [environment]
 */
function run(command, args, cwd, environment = {}) {
  const env = { ...process.env, ...environment };
  const result = spawnSync(command, args, { cwd, env, encoding: "utf8", timeout: TOOL_TIMEOUT_MS });
  return {
    status: result.status,
    output: `${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`,
  };
}

/** @param {string} command */
function isInstalled(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore", timeout: TOOL_TIMEOUT_MS }).error === undefined;
}

/** @param {string} output */
function tail(output) {
  return output.trimEnd().split("\n").slice(-60).join("\n");
}

/** @param {string} folder */
function foldersOf(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
