// Checks the installed packages: nothing that we ship is copyleft, and no package has an install script that
// pnpm-workspace.yaml does not allow. --full requires the Python environment and skips nothing.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { licenceFaults, licenceOf } from "./read-licences.mjs";
import { reportFindings } from "./report-findings.mjs";

/** The content of our images and archives: the apps with their dependencies, and the console's page. */
const SHIPPED = [...readdirSync("apps").map((app) => join("apps", app)), join("apps", "console", "web")];
const STORE = join("node_modules", ".pnpm");
const PYTHON = join(".tripline", "tools", "training-venv", "bin", "python");
const TIMEOUT_MS = 60_000;
const HOOKS = ["preinstall", "install", "postinstall"];

const PYTHON_LICENCES = `
import importlib.metadata, json
def licence(metadata):
    named = [one.split(" :: ")[-1] for one in metadata.get_all("Classifier") or [] if one.startswith("License ::")]
    return metadata.get("License-Expression") or " AND ".join(named) or metadata.get("License") or ""
found = [one.metadata for one in importlib.metadata.distributions()]
print(json.dumps([{"name": one["Name"], "version": one["Version"], "licence": licence(one)} for one in found]))
`;

const isFull = process.argv.includes("--full");
/** @type {string[]} */
const skipped = [];
const shipped = shippedPackages();
const faults = [...shipped, ...pythonPackages()].flatMap(licenceFaults);
if (shipped.length === 0) faults.push("No shipped package is installed: run npm run build.");
reportFindings({ faults: [...faults, ...scriptFaults()], skipped });

/** All transitive dependencies of the shipped packages, without our own. */
function shippedPackages() {
  /** @type {Map<string, { name: string, version: string, licence: string }>} */
  const found = new Map();
  const seen = new Set();
  const open = SHIPPED.map((folder) => realpathSync(folder));
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    if (seen.has(folder)) continue;
    seen.add(folder);
    const manifest = readManifest(folder);
    const isOurs = !folder.includes(STORE);
    if (!isOurs) {
      const { name, version } = manifest;
      found.set(`${name} ${version}`, { name, version, licence: licenceOf(manifest) });
    }
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      const at = locate(folder, name);
      if (at !== undefined) open.push(at);
    }
  }
  return [...found.values()];
}

/**
 * Finds the folder of a package, as Node does. Packages for other platforms are not installed.
 *
 * @param {string} from
 * @param {string} name
 */
function locate(from, name) {
  for (let folder = from; folder !== dirname(folder); folder = dirname(folder)) {
    const at = join(folder, "node_modules", name);
    if (existsSync(join(at, "package.json"))) return realpathSync(at);
  }
  return undefined;
}

function pythonPackages() {
  if (!existsSync(PYTHON)) {
    if (isFull) return [{ name: "Python", version: "", licence: "(its environment is not installed)" }];
    skipped.push("licences of Python packages: the training environment is not installed");
    return [];
  }
  const { stdout, status } = spawnSync(PYTHON, ["-c", PYTHON_LICENCES], { encoding: "utf8", timeout: TIMEOUT_MS });
  if (status !== 0) throw new Error(`${PYTHON} could not list its packages.`);
  return JSON.parse(stdout);
}

/** pnpm only runs the scripts of packages marked `true`, each of which has been reviewed. */
function scriptFaults() {
  const { allowBuilds } = parse(readFileSync("pnpm-workspace.yaml", "utf8"));
  return installedFolders().flatMap((folder) => {
    const { name, version, scripts = {} } = readManifest(folder);
    const hooks = HOOKS.filter((hook) => hook in scripts);
    if (hooks.length === 0 || name in allowBuilds) return [];
    return [
      `${name} ${version} has the script ${hooks.join(", ")}: specify in allowBuilds in pnpm-workspace.yaml whether it may run.`,
    ];
  });
}

function installedFolders() {
  return readdirSync(STORE).flatMap((entry) => {
    const modules = join(STORE, entry, "node_modules");
    if (!existsSync(modules)) return [];
    const names = readdirSync(modules, { withFileTypes: true });
    const scoped = names
      .filter((one) => one.isDirectory() && one.name.startsWith("@"))
      .flatMap(({ name }) =>
        readdirSync(join(modules, name), { withFileTypes: true })
          .filter((one) => one.isDirectory())
          .map((one) => join(modules, name, one.name)),
      );
    // Links point to packages with an entry of their own.
    const plain = names
      .filter((one) => one.isDirectory() && !/^[.@]/.test(one.name))
      .map(({ name }) => join(modules, name));
    return [...plain, ...scoped].filter((folder) => existsSync(join(folder, "package.json")));
  });
}

/** @param {string} folder */
function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}
