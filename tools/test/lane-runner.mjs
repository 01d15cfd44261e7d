// The runner that jest.config.js names: Jest's own, a worker for each lane of `run-in-lanes.mjs`.
import TestRunner from "jest-runner";
import { runInLanes } from "./run-in-lanes.mjs";

/** Tells the tests of a lane, which has one worker, in which one they run: `packages/local-stack` gives each its ports. */
const LANE_VARIABLE = "TRIPLINE_TEST_LANE";

export default class LaneRunner extends TestRunner {
  /** @type {Parameters<TestRunner["on"]>[]} */
  #listeners = [];
  #whole;

  /**
   * @param {ConstructorParameters<typeof TestRunner>[0]} globalConfig
   * @param {ConstructorParameters<typeof TestRunner>[1]} context
   * @param {{ whole: string[] }} options what starts a whole system or a browser, as paths in full
   */
  constructor(globalConfig, context, { whole }) {
    super(globalConfig, context);
    this.#whole = new Set(whole);
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
    const others = tests.filter(({ path }) => !this.#whole.has(path));
    if (options.serial || lanes === 1 || whole.length === 0) return super.runTests(tests, watcher, options);
    await runInLanes({
      whole,
      others,
      lanes,
      run: async (part, lane) => {
        if (watcher.isInterrupted()) return;
        const runner = new TestRunner({ ...this._globalConfig, maxWorkers: 1 }, this._context);
        for (const listener of this.#listeners) runner.on(...listener);
        process.env[LANE_VARIABLE] = String(lane);
        // Starts its worker, which takes the environment as it is now, before it waits for anything.
        await runner.runTests(part, watcher, options);
      },
    });
  }
}
