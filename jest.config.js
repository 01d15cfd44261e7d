import { join } from "node:path";
import { sortTests, wholeSystemTests } from "./tools/test/sort-tests.mjs";

const tests = sortTests(import.meta.dirname);
const inFull = (/** @type {string} */ test) => join(import.meta.dirname, test);
const shared = {
  // Tests run on the compiled output, so what is tested is what ships.
  rootDir: import.meta.dirname,
  roots: ["<rootDir>/apps", "<rootDir>/packages", "<rootDir>/load-tests"],
  testPathIgnorePatterns: ["/node_modules/"],
  transform: {},
  testRunner: "<rootDir>/tools/test/native-runner.mjs",
  runner: [
    "<rootDir>/tools/test/lane-runner.mjs",
    {
      whole: wholeSystemTests(import.meta.dirname).map(inFull),
      processes: tests.process.map(inFull),
      log: join(import.meta.dirname, ".tripline", "logs", "tests.log"),
    },
  ],
};

/**
 * @param {string} displayName
 * @param {string[]} files from the root
 * @param {object} more
 */
const project = (displayName, files, more = {}) => ({
  ...shared,
  displayName,
  testRegex:
    files.length === 0 ? "(?!)" : `^${RegExp.escape(import.meta.dirname)}/(?:${files.map(RegExp.escape).join("|")})$`,
  ...more,
});

/** A project for each kind of test; a project without a selected test starts nothing. */
export default {
  // Two that compute, and one that waits for Kafka.
  maxWorkers: 3,
  reporters: ["default", "<rootDir>/tools/test/progress-reporter.mjs"],
  // Finds hangs. Another whole system may use both cores.
  testTimeout: 180_000,
  // A worker without open handles still takes a moment to free its memory, on busy cores longer than the default of half a
  // second, after which Jest would report a leak.
  workerGracefulExitTimeout: 10_000,
  projects: [
    project("unit", tests.unit),
    project("process", tests.process),
    project("server", tests.server, {
      globalSetup: "<rootDir>/packages/local-stack/dist/testing/jest-global-setup.js",
      globalTeardown: "<rootDir>/packages/local-stack/dist/testing/jest-global-teardown.js",
    }),
  ],
};
