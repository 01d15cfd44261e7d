// During a long run, reports the number of finished files and the estimated remaining time; at its end, the files that used the
// most CPU time, which on a busy machine says more than how long they took.
import { relative } from "node:path";

const EVERY_MS = 30_000;
/** Shorter runs print no list. */
const LISTED = 20;

export default class ProgressReporter {
  #startedMs = Date.now();
  #saidMs = Date.now();
  #estimatedMs = 0;
  /** @type {{ path: string, seconds: number }[]} */
  #files = [];

  /**
   * @param {import("@jest/reporters").AggregatedResult} _results
   * @param {import("@jest/reporters").ReporterOnStartOptions} options with the seconds that the files took the last
   * time, or 0
   */
  onRunStart(_results, { estimatedTime }) {
    this.#estimatedMs = estimatedTime * 1_000;
  }

  /**
   * @param {import("@jest/reporters").Test} test
   * @param {import("@jest/reporters").TestResult & { cpuSeconds?: number }} result
   * @param {import("@jest/reporters").AggregatedResult} results
   */
  onTestResult(
    { path, context },
    { cpuSeconds = 0 },
    { numTotalTestSuites, numPassedTestSuites, numFailedTestSuites, numPendingTestSuites },
  ) {
    this.#files.push({ path: relative(context.config.rootDir, path), seconds: cpuSeconds });
    const now = Date.now();
    if (now - this.#saidMs < EVERY_MS) return;
    this.#saidMs = now;
    const done = numPassedTestSuites + numFailedTestSuites + numPendingTestSuites;
    const passedMs = now - this.#startedMs;
    const leftMs =
      this.#estimatedMs > passedMs ? this.#estimatedMs - passedMs : (passedMs / done) * (numTotalTestSuites - done);
    // Earlier estimates are useless, because the slowest files come first.
    const left = done < numTotalTestSuites / 5 ? "" : `, about ${Math.ceil(leftMs / 60_000)} min left`;
    process.stderr.write(`${done} of ${numTotalTestSuites} files${left}\n`);
  }

  onRunComplete() {
    if (this.#files.length <= LISTED) return;
    const total = this.#files.reduce((sum, { seconds }) => sum + seconds, 0);
    const most = this.#files.sort((left, right) => right.seconds - left.seconds).slice(0, LISTED);
    const lines = most.map(({ path, seconds }) => `${seconds.toFixed(1).padStart(8)} s  ${path}\n`);
    process.stderr.write(`CPU time of the files: ${total.toFixed(0)} s in total; the highest:\n${lines.join("")}`);
  }

  getLastError() {}
}
