// Builds the container images with plain `docker build`, one after another.
//   npx tripline images [--tag dev] [--only scoring,cli] [--repository tripline] [--no-cache]
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const ROOT = join(import.meta.dirname, "..", "..");

const BUILD_MS_MAX = 30 * 60_000;

/** @type {Readonly<Record<string, { file: string, app?: string, onRequest?: boolean, on?: string }>>} */
const IMAGES = {
  ...Object.fromEntries(
    ["ingestion", "features", "archive", "scoring", "decisions", "auth", "control", "console", "cli"].map((app) => [
      app,
      { file: "node.Dockerfile", app },
    ]),
  ),
  tripline: { file: "node.Dockerfile", app: "tripline" }, // apps/tripline
  training: { file: "training.Dockerfile" },
  mlflow: { file: "mlflow.Dockerfile", onRequest: true },
  feast: { file: "feast.Dockerfile", onRequest: true },
  iceberg: { file: "iceberg.Dockerfile", onRequest: true },
  "scoring-gpu": { file: "scoring-gpu.Dockerfile", onRequest: true, on: "scoring" },
};

try {
  process.exitCode = buildAll();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

function buildAll() {
  const { values } = parseArgs({
    options: {
      tag: { type: "string", default: "dev" },
      only: { type: "string" },
      repository: { type: "string", default: "tripline" },
      source: { type: "string", default: git("remote", "get-url", "origin") },
      "no-cache": { type: "boolean", default: false },
    },
  });
  const names = values.only?.split(",") ?? Object.keys(IMAGES).filter((name) => !IMAGES[name]?.onRequest);
  const unknown = names.filter((name) => !(name in IMAGES));
  if (unknown.length > 0) {
    throw new Error(`Unknown image ${unknown.join(", ")}. Choose from ${Object.keys(IMAGES).join(", ")}.`);
  }
  requireDocker();
  const built = names.flatMap((name) => [...(IMAGES[name]?.on === undefined ? [] : [IMAGES[name].on]), name]);
  for (const name of new Set(built)) {
    const image = `${values.repository}/${name}:${values.tag}`;
    const startedMs = performance.now();
    process.stdout.write(`building ${image}\n`);
    const status = build(name, image, values);
    if (status !== 0) throw new Error(`${image} could not be built. See the engine's messages above.`);
    process.stdout.write(`built ${image} in ${((performance.now() - startedMs) / 1000).toFixed(0)} s\n`);
  }
  return 0;
}

/**
 * @param {string} name
 * @param {string} image
 * @param {{ source: string, repository: string, tag: string, "no-cache": boolean }} options
 */
function build(name, image, options) {
  const { file = "", app, on } = IMAGES[name] ?? {};
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const builtWith = {
    VERSION: version,
    REVISION: git("rev-parse", "HEAD"),
    SOURCE_URL: options.source,
    ...(app && { APP: app }),
    ...(on === "scoring" && { SCORING_IMAGE: `${options.repository}/${on}:${options.tag}` }),
  };
  const args = Object.entries(builtWith).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
  const run = spawnSync(
    "docker",
    [
      ...["build", "--file", join("deploy", "docker", file), "--tag", image],
      ...(options["no-cache"] ? ["--no-cache"] : []),
      ...args,
      ".",
    ],
    // Docker uses BuildKit by default since version 23.
    {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "inherit"],
      timeout: BUILD_MS_MAX,
      env: { ...process.env, DOCKER_BUILDKIT: "1" },
    },
  );
  return run.status;
}

function requireDocker() {
  const run = spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], { encoding: "utf8" });
  if (run.error !== undefined) {
    throw new Error("Docker is not installed: install Docker Engine from https://docs.docker.com/engine/install.");
  }
  if (run.status !== 0) {
    throw new Error(
      `The Docker engine is not responding (${run.stderr.trim()}): start it, or set DOCKER_HOST to a running engine.`,
    );
  }
}

/**
 * Runs git, for the images' labels. In a copy without git, the commit and the origin are unknown.
 *
 * @param {string[]} args
 */
function git(...args) {
  const run = spawnSync("git", args, { cwd: ROOT, encoding: "utf8" });
  return run.status === 0 ? run.stdout.trim() : "unknown";
}
