// Classifies tests by their imports, so contributors need no markers. `jest.config.js` has a project per kind, so servers start
// only for runs with tests that need them.
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { compiled } from "./select-tests.mjs";

const SOURCES = "{apps/*,apps/*/web,packages/*,load-tests}/src/**/*.test.ts";
const SHARED_SERVERS = "packages/local-stack/dist/testing/stack.js";
const JOURNEYS = "packages/testing/dist/journeys/";
const WHOLE_SYSTEMS = [
  "packages/system/dist/services/run-system.js",
  "packages/testing/dist/support/in-process-system.js",
];
const OPENS_BROWSER = /\bfrom "playwright-core"/;
const STARTS_PROCESSES = /\bfrom "(?:node:child_process|playwright-core)"/;
/** `from "x"`, `import "x"`, `import("x")`, and the file of a worker thread. */
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"|new URL\("(\.[^"]+\.js)", import\.meta\.url\)/g;

/** @typedef {"unit" | "process" | "server"} TestKind */

/**
 * The compiled tests of every kind, as paths from the root. Excludes compiled tests without a source.
 *
 * - `unit`: starts nothing, directly or through imports
 * - `process`: starts its own programs
 * - `server`: shares the Kafka, Valkey and Postgres of the test run
 *
 * @param {string} root
 * @returns {Record<TestKind, string[]>}
 */
export function sortTests(root) {
  const graph = new ImportGraph(root);
  /** @type {Record<TestKind, string[]>} */
  const sorted = { unit: [], process: [], server: [] };
  for (const source of globSync(SOURCES, { cwd: root }).sort()) {
    const test = compiled(source);
    if (existsSync(join(root, test))) sorted[graph.kindOf(join(root, test))].push(test);
  }
  return sorted;
}

/**
 * The tests that start a whole system or a browser, because one of them is as much as two cores can handle.
 *
 * @param {string} root
 * @returns {string[]} paths from the root
 */
export function wholeSystemTests(root) {
  const graph = new ImportGraph(root);
  return Object.values(sortTests(root))
    .flat()
    .filter((test) => test.startsWith(JOURNEYS) || graph.startsWhole(join(root, test)));
}

class ImportGraph {
  /**
   * Read only once, although the Jest configuration sorts the tests twice.
   *
   * @type {Map<string, { imports: string[], startsProcesses: boolean, opensBrowser: boolean }>}
   */
  static #files = new Map();
  /** @type {Map<string, { folder: string, exports: Record<string, string | { default: string }> }>} */
  #packages = new Map();
  #sharedServers;
  #wholeSystems;

  /** @param {string} root */
  constructor(root) {
    this.#sharedServers = join(root, SHARED_SERVERS);
    this.#wholeSystems = WHOLE_SYSTEMS.map((file) => join(root, file));
    for (const manifest of globSync("{apps/*,apps/*/web,packages/*}/package.json", { cwd: root })) {
      const { name, exports = {} } = JSON.parse(readFileSync(join(root, manifest), "utf8"));
      this.#packages.set(name, { folder: join(root, dirname(manifest)), exports });
    }
  }

  /**
   * @param {string} test
   * @returns {TestKind}
   */
  kindOf(test) {
    const reached = this.#reach(test);
    if (reached.has(this.#sharedServers)) return "server";
    return [...reached].some((file) => this.#read(file).startsProcesses) ? "process" : "unit";
  }

  /** @param {string} test */
  startsWhole(test) {
    const reached = this.#reach(test);
    return (
      this.#wholeSystems.some((file) => reached.has(file)) || [...reached].some((file) => this.#read(file).opensBrowser)
    );
  }

  /** The test and all of its transitive imports. @param {string} test */
  #reach(test) {
    const reached = new Set([test]);
    for (const file of reached) for (const imported of this.#read(file).imports) reached.add(imported);
    return reached;
  }

  /** @param {string} file */
  #read(file) {
    const known = ImportGraph.#files.get(file);
    if (known !== undefined) return known;
    const code = readFileSync(file, "utf8");
    const names = Array.from(code.matchAll(IMPORT), ([, module, worker]) => module ?? worker ?? "");
    const imports = names.flatMap((name) => this.#resolve(name, file) ?? []).filter((path) => existsSync(path));
    const read = {
      imports,
      startsProcesses: STARTS_PROCESSES.test(code),
      opensBrowser: OPENS_BROWSER.test(code),
    };
    ImportGraph.#files.set(file, read);
    return read;
  }

  /**
   * The file of a module name; undefined for Node's own modules and libraries.
   *
   * @param {string} name
   * @param {string} importer
   */
  #resolve(name, importer) {
    if (name.startsWith(".")) return /\.m?js$/.test(name) ? resolve(dirname(importer), name) : undefined;
    const [, packageName = "", path = ""] = /^(@[^/]+\/[^/]+)\/(.+)$/.exec(name) ?? [];
    const found = this.#packages.get(packageName);
    if (found === undefined) return undefined;
    const target = targetOf(found.exports, `./${path}`);
    return target?.endsWith("js") ? join(found.folder, target) : undefined;
  }
}

/**
 * Resolves a package's `exports` like Node, as far as ours use them.
 *
 * @param {Record<string, string | { default: string }>} exports
 * @param {string} path
 */
function targetOf(exports, path) {
  for (const [pattern, target] of Object.entries(exports).sort(([a], [b]) => b.length - a.length)) {
    const [start = "", end] = pattern.split("*");
    const fits = end === undefined ? path === pattern : path.startsWith(start) && path.endsWith(end);
    if (!fits) continue;
    const star = path.slice(start.length, path.length - (end?.length ?? 0));
    return (typeof target === "string" ? target : target.default).replace("*", star);
  }
  return undefined;
}
