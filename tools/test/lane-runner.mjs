// The runner of jest.config.js: Jest's own, with one worker per lane of `run-in-lanes.mjs`.
import { createWriteStream, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import TestRunner from "jest-runner";
import { needsLanes, runInLanes } from "./run-in-lanes.mjs";

/** Tells tests their lane, which has one worker: `packages/local-stack` assigns ports by lane. */
const LANE_VARIABLE = "TRIPLINE_TEST_LANE";

const DROP_TOPICS = new URL("../../packages/local-stack/dist/testing/drop-lane-topics.js", import.meta.url).href;

export default class LaneRunner extends TestRunner {
  /** @type {Parameters<TestRunner["on"]>[]} */
  #listeners = [];
  #whole;
  #processes;
  #log;

  /**
   * @param {ConstructorParameters<typeof TestRunner>[0]} globalConfig
   * @param {ConstructorParameters<typeof TestRunner>[1]} context
   * @param {{ whole: string[], processes: string[], log: string }} options full paths of the tests that start a whole
   *   system or a browser, and of the tests that start other processes; and a log file for the output of tests, services and
   *   native libraries, which would hide Jest's reports
   */
  constructor(globalConfig, context, { whole, processes, log }) {
    super(globalConfig, context);
    this.#whole = new Set(whole);
    this.#processes = new Set(processes);
    this.#log = log;
  }

  /** @type {TestRunner["on"]} */
  on(...listener) {
    this.#listeners.push(listener);
    return super.on(...listener);
  }

  /** @type {TestRunner["runTests"]} */
  async runTests(tests, watcher, options) {
    const lanes = this._globalConfig.maxWorkers;
    const whole = tests.filter(({ path }) => this.#whole.has(path));
    const others = this.#inOrder(tests.filter(({ path }) => !this.#whole.has(path)));
    const counts = { whole: whole.length, servers: tests.filter(usesServers).length, lanes };
    if (options.serial || !needsLanes(counts)) return super.runTests(tests, watcher, options);
    mkdirSync(dirname(this.#log), { recursive: true });
    const log = createWriteStream(this.#log);
    log.setMaxListeners(0);
    await runInLanes({
      whole,
      others,
      lanes,
      run: async (part, lane) => {
        if (watcher.isInterrupted()) return;
        const runner = new TestRunner({ ...this._globalConfig, maxWorkers: 1 }, this._context);
        for (const listener of this.#listeners) runner.on(...listener);
        process.env[LANE_VARIABLE] = String(lane);
        // The runner's worker starts immediately, with the current environment and output stream.
        await printingTo(log, () => runner.runTests(part, watcher, options));
        const { dropLaneTopics } = await import(DROP_TOPICS);
        // A broker that does not respond fails the tests that follow.
        await dropLaneTopics(lane).catch((/** @type {unknown} */ error) => log.write(`${error}\n`));
      },
    });
    log.end();
  }

  /**
   * Tests that start processes run first. In a new clone, Jest sorts by file size, so short files with long benchmarks would
   * start last, when the other lanes are already idle. The remaining tests are sorted by package, because each worker loads a
   * library only once, and loading the libraries of all packages takes up to four seconds of CPU time.
   *
   * @param {import("@jest/test-result").Test[]} tests in Jest's order
   */
  #inOrder(tests) {
    const byPackage = Object.groupBy(tests, ({ path }) =>
      this.#processes.has(path) ? "" : path.replace(/\/dist\/.*/, ""),
    );
    const { "": processes = [], ...others } = byPackage;
    return [processes, ...Object.values(others)].flatMap((part = []) => part);
  }
}

/** @param {import("@jest/test-result").Test} test */
const usesServers = ({ context }) => context.config.displayName?.name === "server";

/**
 * @template T
 * @param {import("node:stream").Writable} log stands in for the terminal while `start` runs
 * @param {() => T} start
 * @returns {T}
 */
function printingTo(log, start) {
  const streams = /** @type {const} */ (["stdout", "stderr"]);
  const kept = streams.map((name) => Object.getOwnPropertyDescriptor(process, name) ?? {});
  for (const name of streams) Object.defineProperty(process, name, { value: log, configurable: true });
  try {
    return start();
  } finally {
    for (const [index, name] of streams.entries()) Object.defineProperty(process, name, kept[index] ?? {});
  }
}
