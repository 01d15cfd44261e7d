// Checks compose.yaml, the files that extend it, and the Dockerfiles: every image has a pinned tag, memory limits
// match docs/containers.md, and Compose, if installed, accepts the files. A test of packages/testing checks the services'
// environments against their schemas.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { reportFindings } from "./report-findings.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DOCKERFILES = join("deploy", "docker");
const TOOL_TIMEOUT_MS = 60_000;
/** Prefix of the images that are built from this repository. */
const OUR_IMAGES = "tripline/";
const MEMORY_DOCUMENT = join("docs", "containers.md");
/** Names; limit; observed maximum; limit of the lite file: `| kafka | 960 | 429 | 544 | 368 |`. */
const MEMORY_ROW = /^\|([^|]+)\| *([\d,]+) *\|(?:([^|]+)\| *([\d,]+) *\|[^|]+\|)?$/gm;
/** Container that runs only on request, and briefly. */
const ON_REQUEST = "tripline";
const OBSERVABILITY = join("deploy", "observability", "compose.yaml");
/**
 * They need no health check, because no service depends on the payment sender, `collector-health` covers both
 * collectors, and archive measures the age of the snapshots and of the Iceberg tables.
 */
const WITHOUT_HEALTH = ["traffic", "collector", "store-collector", "snapshots", "iceberg"];
/** Third-party images that write outside their data folder, and where. None of ours does. @type {Record<string, string>} */
const WRITES_TO_ITS_IMAGE = {
  kafka: "its configuration, generated from the environment at each start, and logs",
  postgres: "the socket under /var/run/postgresql",
  jaeger: "unknown; not tested with a read-only file system",
  alertmanager: "silences and the notification log; not tested with a read-only file system",
  prometheus: "the log of active queries; not tested with a read-only file system",
  grafana: "plugins and its own database under /var/lib/grafana",
};
const SHARED_FROM = "# The build tools";

/** @type {string[]} */
const faults = [];
/** @type {string[]} */
const skipped = [];

const dockerfiles = readdirSync(join(ROOT, DOCKERFILES)).filter((file) => file.endsWith(".Dockerfile"));
for (const file of dockerfiles) checkBases(join(DOCKERFILES, file));
for (const file of dockerfiles) checkUser(join(DOCKERFILES, file));
checkRights("compose.yaml");
checkRights(OBSERVABILITY);
checkSharedStages();
checkImages("compose.yaml");
checkImages(OBSERVABILITY);
checkBuilds();
checkHealth("compose.yaml");
checkHealth(OBSERVABILITY);
checkLimits();
checkCompose(["compose.yaml"]);
checkCompose(["compose.yaml", "compose.lite.yaml"]);
checkCompose(["compose.yaml", "compose.tls.yaml"]);
checkCompose(["compose.yaml", "compose.brokers.yaml"]);

reportFindings({ faults, skipped });

/** Every FROM is a stage of the file, or a build argument with a pinned tag as default. @param {string} file */
function checkBases(file) {
  const text = readFileSync(join(ROOT, file), "utf8");
  const stages = new Set(Array.from(text.matchAll(/^FROM \S+ AS (\S+)$/gm), ([, name]) => name));
  const defaults = new Map(Array.from(text.matchAll(/^ARG (\w+)=(\S+)$/gm), ([, name, value]) => [name, value]));
  for (const [, base = ""] of text.matchAll(/^FROM (\S+)/gm)) {
    if (stages.has(base)) continue;
    const argument = /^\$\{(\w+)\}$/.exec(base)?.[1];
    checkTag(file, argument === undefined ? base : (defaults.get(argument) ?? ""));
  }
}

/**
 * Our images run as an unprivileged user, given by number so that Kubernetes can verify that it is not root.
 *
 * @param {string} file
 */
function checkUser(file) {
  const text = readFileSync(join(ROOT, file), "utf8");
  const [user = ""] = /^USER (.+)$/m.exec(text.slice(text.lastIndexOf("\nFROM ")))?.slice(1) ?? [];
  if (!/^[1-9]\d*(:[1-9]\d*)?$/.test(user))
    faults.push(`${file}: the last stage must end with a numeric user other than root.`);
}

/** No container may gain privileges or write to its image. @param {string} file */
function checkRights(file) {
  const { services } = readComposeFile(file);
  for (const [
    name,
    { user, read_only: isReadOnly, cap_drop: dropped = [], security_opt: options = [] },
  ] of Object.entries(services)) {
    const where = `${file}, service ${name}`;
    if (!dropped.includes("ALL")) faults.push(`${where}: add cap_drop: [ALL].`);
    if (!options.includes("no-new-privileges:true")) faults.push(`${where}: add no-new-privileges.`);
    if (isReadOnly !== true && !(name in WRITES_TO_ITS_IMAGE)) faults.push(`${where}: add read_only: true.`);
    if (/^(root|0)(:|$)/.test(String(user ?? ""))) faults.push(`${where}: it must not run as root.`);
  }
}

/**
 * @param {string} file
 * @param {string} image
 */
function checkTag(file, image) {
  if (image.startsWith(OUR_IMAGES)) return;
  const tag = /:([^:/@]+)(@sha256:[0-9a-f]{64})?$/.exec(image)?.[1];
  if (tag === undefined) faults.push(`${file}: "${image}" has no tag; specify the version.`);
  else if (!/\d/.test(tag)) faults.push(`${file}: "${image}" is not pinned; specify the version.`);
}

/** All stages before the last are identical in both files, so that they are built once. */
function checkSharedStages() {
  const [node = "", training = ""] = ["node", "training"].map((name) =>
    readFileSync(join(ROOT, DOCKERFILES, `${name}.Dockerfile`), "utf8"),
  );
  const shared = node.slice(node.indexOf(SHARED_FROM), node.lastIndexOf("\nFROM "));
  if (training.includes(shared.replaceAll("ARG APP\n", "ARG APP=cli\n"))) return;
  faults.push(
    `${DOCKERFILES}: the first stages of node.Dockerfile and training.Dockerfile differ; make them identical.`,
  );
}

/** @param {string} file */
function checkImages(file) {
  const { services } = readComposeFile(file);
  const built = new Set(Object.values(services).flatMap(({ build, image }) => (build === undefined ? [] : [image])));
  for (const [name, service] of Object.entries(services)) {
    // The tag of our own images is a variable with a default.
    if (!built.has(service.image)) checkTag(`${file}, service ${name}`, service.image);
  }
}

/**
 * Only one service builds each image, because Compose would otherwise build it again for each service with a build
 * section.
 */
function checkBuilds() {
  const { services } = readComposeFile("compose.yaml");
  /** @type {Map<string, string[]>} */
  const builders = new Map();
  for (const [name, { build, image }] of Object.entries(services)) {
    if (build !== undefined && name !== ON_REQUEST) builders.set(image, [...(builders.get(image) ?? []), name]);
  }
  for (const [image, names] of builders) {
    if (names.length > 1) faults.push(`compose.yaml: ${names.join(" and ")} each build ${image}; only one may do so.`);
  }
}

/** `docker compose up --wait` only waits for health checks, so each service needs one. @param {string} file */
function checkHealth(file) {
  const { services } = readComposeFile(file);
  for (const [name, { restart, healthcheck }] of Object.entries(services)) {
    if (restart === undefined || healthcheck?.test !== undefined || WITHOUT_HEALTH.includes(name)) continue;
    faults.push(`${file}: ${name} has no health check; add a healthcheck.`);
  }
}

/** Every row of the memory tables names services and their total limit; every permanent service has a row. */
function checkLimits() {
  const limits = { ...limitsOf("compose.yaml"), ...limitsOf(OBSERVABILITY) };
  const lite = { ...limits, ...limitsOf("compose.lite.yaml"), ...notInLite() };
  const [, chapter = ""] = readFileSync(join(ROOT, MEMORY_DOCUMENT), "utf8").split("\n## Memory\n");
  const [section = ""] = chapter.split("\n## ");
  const named = new Set();
  for (const [, names = "", limit = "", , liteLimit] of section.matchAll(MEMORY_ROW)) {
    const services = [...new Set(names.match(/[a-z]+(-[a-z]+)*/g))].filter((name) => name in limits);
    for (const name of services) named.add(name);
    const sums = [limits, lite].map((of) => services.reduce((sum, name) => sum + (of[name] ?? 0), 0));
    const said = [limit, liteLimit ?? String(sums[1])].map((text) => Number(text.replaceAll(",", "")));
    if (services.length === 0 || JSON.stringify(sums) === JSON.stringify(said)) continue;
    faults.push(
      `${MEMORY_DOCUMENT}: the limits of ${names.trim()} are ${sums.join(" and ")} MiB, not ${said.join(" and ")}.`,
    );
  }
  const missing = Object.keys(limits).filter((name) => !named.has(name) && name !== ON_REQUEST);
  if (missing.length > 0) faults.push(`${MEMORY_DOCUMENT}: the memory tables lack ${missing.join(", ")}.`);
}

/** Services that the lite file moves to a profile because another one replaces them. */
function notInLite() {
  const { services } = readComposeFile("compose.lite.yaml");
  const left = Object.keys(services).filter((name) => services[name].profiles !== undefined);
  return Object.fromEntries(left.map((name) => [name, 0]));
}

/**
 * @param {string} file
 * @returns {Record<string, number>} MiB by service
 */
function limitsOf(file) {
  const { services } = readComposeFile(file);
  const found = Object.entries(services).flatMap(([name, { mem_limit: limit }]) => {
    const [, mib] = /^(\d+)m$/.exec(limit ?? "") ?? [];
    return mib === undefined ? [] : [[name, Number(mib)]];
  });
  return Object.fromEntries(found);
}

/** Ignores Compose's own tags, which control merging. @param {string} file */
function readComposeFile(file) {
  return parse(readFileSync(join(ROOT, file), "utf8"), { merge: true, logLevel: "error" });
}

/** @param {string[]} files */
function checkCompose(files) {
  const version = run(["compose", "version", "--short"]);
  if (version.status !== 0) {
    if (files.length === 1) skipped.push("docker compose config: Docker Compose is not installed");
    return;
  }
  const named = files.flatMap((file) => ["--file", file]);
  const { status, output } = run(["compose", ...named, "--profile", "*", "config", "--quiet"]);
  if (status !== 0) faults.push(`docker compose rejects ${files.join(" with ")}:\n${output.trimEnd()}`);
}

/** @param {string[]} args */
function run(args) {
  const result = spawnSync("docker", args, { cwd: ROOT, encoding: "utf8", timeout: TOOL_TIMEOUT_MS });
  return { status: result.error === undefined ? result.status : 127, output: `${result.stdout}${result.stderr}` };
}
