// During a long run, reports the number of finished files and the estimated remaining time.
const EVERY_MS = 30_000;

export default class ProgressReporter {
  #startedMs = Date.now();
  #saidMs = Date.now();
  #estimatedMs = 0;

  /**
   * @param {import("@jest/reporters").AggregatedResult} _results
   * @param {import("@jest/reporters").ReporterOnStartOptions} options with the seconds that the files took the last
   * time, or 0
   */
  onRunStart(_results, { estimatedTime }) {
    this.#estimatedMs = estimatedTime * 1_000;
  }

  /**
   * @param {unknown} _test
   * @param {unknown} _result
   * @param {import("@jest/reporters").AggregatedResult} results
   */
  onTestResult(_test, _result, { numTotalTestSuites, numPassedTestSuites, numFailedTestSuites, numPendingTestSuites }) {
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

  getLastError() {}
}
