// The test runner in jest.config.js. It is Jest's own runner, but Node itself loads the tests, their imports, and Jest's
// matchers. In Jest's context, each file would load all of its modules again, which took half the time of a run.
import { createRequire, flushCompileCache, registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { ModernFakeTimers } from "@jest/fake-timers";
import circus from "jest-circus/runner";
import { cpuSeconds } from "./cpu-seconds.mjs";

const GLOBALS = ["afterAll", "afterEach", "beforeAll", "beforeEach", "describe", "expect", "it", "test"];
const OWN = ["apps", "packages", "load-tests"].map((folder) => new URL(`../../${folder}/`, import.meta.url).href);
/** Packages without process-wide state: a dependency rule keeps them pure, and they import only each other. */
const PURE = ["contracts", "decision-engine", "feature-engine", "simulator", "tree-inference", "tree-shap"].map(
  (name) => new URL(`../../packages/${name}/dist/`, import.meta.url).href,
);
/** Tests, and modules that register themselves with a file's tests when they are loaded. */
const OF_TESTS = /\/testing\/|\.test\.js$/;
/** The place where OpenTelemetry's API stores its registrations, once per process. */
const TELEMETRY = ["opentelemetry.js.api.1", "io.opentelemetry.js.api.logs"].map(Symbol.for);
/** Descriptions of the symbols under which Jest's framework stores a file's tests. */
const FRAMEWORK = new Set(["EVENT_HANDLERS", "JEST_STATE_SYMBOL"]);

const require = createRequire(import.meta.url);
let file = 0;

/**
 * What reloaded modules import, by specifier and importer, because resolving takes half the CPU time of reloading.
 *
 * @type {Map<string, import("node:module").ResolveFnOutput>}
 */
const resolved = new Map();

// Our own modules are reloaded for each test file, because some have process-wide state; libraries and pure packages are loaded
// once per worker.
registerHooks({
  resolve(specifier, context, next) {
    const importer = context.parentURL?.replace(/\?file=\d+$/, "");
    const key = importer === context.parentURL ? undefined : JSON.stringify([specifier, importer, context.conditions]);
    const found = (key === undefined ? undefined : resolved.get(key)) ?? next(specifier, context);
    if (key !== undefined) resolved.set(key, { ...found, shortCircuit: true });
    const isIn = (/** @type {string[]} */ folders) => folders.some((folder) => found.url.startsWith(folder));
    const isReloaded = isIn(OWN) && !found.url.includes("/node_modules/") && (!isIn(PURE) || OF_TESTS.test(found.url));
    return isReloaded && found.format === "module" ? { ...found, url: `${found.url}?file=${file}` } : found;
  },
});

/** @type {typeof circus.default} */
export default async function runNatively(globalConfig, config, environment, runtime, testPath, sendMessageToJest) {
  const { jest } = runtime.requireModuleOrMock(testPath, "@jest/globals");
  const load = (/** @type {string} */ path) => {
    file += 1;
    Object.assign(globalThis, { jest, ...Object.fromEntries(GLOBALS.map((name) => [name, environment.global[name]])) });
    return import(pathToFileURL(path).href);
  };
  /** Loads a new instance per file, because it stores the file's tests. Its imports are loaded only once. @param {string} path */
  const loadFramework = (path) => {
    delete require.cache[path];
    return require(path);
  };
  environment.fakeTimersModern = new ModernFakeTimers({ config, global: globalThis });
  const native = new Proxy(runtime, {
    get(target, key) {
      if (key === "requireInternalModule") return loadFramework;
      if (key === "unstable_shouldLoadAsEsm") return () => true;
      if (key === "unstable_importModule") return load;
      const value = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const variables = { ...process.env };
  const before = cpuSeconds();
  try {
    const result = await circus.default(globalConfig, config, environment, native, testPath, sendMessageToJest);
    // `progress-reporter.mjs` lists the files that use the most CPU time.
    return Object.assign(result, { cpuSeconds: cpuSeconds() - before });
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in variables)) delete process.env[name];
    Object.assign(process.env, variables);
    process.exitCode = undefined;
    const framework = Object.getOwnPropertySymbols(globalThis).filter(({ description = "" }) =>
      FRAMEWORK.has(description),
    );
    for (const key of [...TELEMETRY, ...framework]) Reflect.deleteProperty(globalThis, key);
    // If Jest later ends this worker by force, the cache is not written at exit.
    flushCompileCache();
  }
}
