import { setTimeout as sleep } from "node:timers/promises";
import { HeldRunner } from "../testing/service.js";
import type { RunReport, ScoreRequest } from "./request-batcher.js";
import { RequestBatcher } from "./request-batcher.js";

const NEVER = Number.POSITIVE_INFINITY;

function request(...values: number[]): ScoreRequest {
  return { features: Float32Array.from(values), rows: values.length, deadlineMs: NEVER };
}

function batcherOf(
  runner: HeldRunner,
  limits: { rowsPerRunMax?: number; rowsQueuedMax?: number } = {},
  seen?: RunReport[],
) {
  return new RequestBatcher(runner, { rowsPerRunMax: 4, rowsQueuedMax: 8, ...limits }, (run) => seen?.push(run));
}

/** One turn of the event loop, after which submitted requests run if a runner is free. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("runs the first request immediately, and gathers later ones in order into full batches", async () => {
  const runner = new HeldRunner();
  const reports: RunReport[] = [];
  const batcher = batcherOf(runner, {}, reports);
  const answers = [batcher.submit(request(1))];
  await turn();
  expect(runner.runs.map((run) => run.values)).toEqual([[1]]);
  for (const one of [request(2), request(3, 4), request(5, 6), request(7)]) answers.push(batcher.submit(one));
  expect(batcher.rowsQueued).toBe(6);
  await runner.end(0);
  // Three rows instead of five: requests are never split, and the next one would not fit.
  expect(runner.runs[1]?.values).toEqual([2, 3, 4]);
  await runner.end(1);
  expect(runner.runs[2]?.values).toEqual([5, 6, 7]);
  await runner.end(2);
  const settled = await Promise.all(answers);
  expect(settled.map((answer) => Array.from(answer.outputs))).toEqual([[2], [4], [6, 8], [10, 12], [14]]);
  expect(reports.map(({ rows, requests }) => ({ rows, requests }))).toEqual([
    { rows: 1, requests: 1 },
    { rows: 3, requests: 2 },
    { rows: 3, requests: 2 },
  ]);
  expect(settled[1]?.run).toBe(reports[1]);
  expect(batcher.rowsQueued).toBe(0);
});

test("batches requests of one event-loop turn even if a runner is free", async () => {
  const runner = new HeldRunner();
  const batcher = batcherOf(runner);
  const answers = [request(1), request(2), request(3)].map((one) => batcher.submit(one));
  expect(runner.runs).toEqual([]);
  await turn();
  expect(runner.runs.map((run) => run.values)).toEqual([[1, 2, 3]]);
  await runner.end(0);
  expect((await Promise.all(answers)).map((answer) => answer.outputs[0])).toEqual([2, 4, 6]);
});

test("splits a large number of rows among free runners, but not a small number", async () => {
  const runner = new HeldRunner(3);
  const batcher = batcherOf(runner, { rowsPerRunMax: 100, rowsQueuedMax: 200 });
  const submit = (requests: number) => Array.from({ length: requests }, (_, index) => batcher.submit(request(index)));
  const answers = submit(60);
  await turn();
  expect(runner.runs.map((run) => run.rows)).toEqual([20, 20, 20]);
  await Promise.all([runner.end(0), runner.end(1), runner.end(2)]);
  answers.push(...submit(17));
  await turn();
  expect(runner.runs.slice(3).map((run) => run.rows)).toEqual([16, 1]);
  await Promise.all([runner.end(3), runner.end(4)]);
  await Promise.all(answers);
});

test("keeps all runners busy", async () => {
  const runner = new HeldRunner(2);
  const batcher = batcherOf(runner);
  const answers: ReturnType<RequestBatcher["submit"]>[] = [];
  for (const value of [1, 2, 3]) {
    answers.push(batcher.submit(request(value)));
    await turn();
  }
  expect(runner.runs.map((run) => run.values)).toEqual([[1], [2]]);
  await runner.end(1);
  expect(runner.runs[2]?.values).toEqual([3]);
  await runner.end(2);
  await runner.end(0);
  expect((await Promise.all(answers)).map((answer) => answer.outputs[0])).toEqual([2, 4, 6]);
});

test("runs requests for contributions separately, in order, up to their row limit", async () => {
  const runner = new HeldRunner();
  const batcher = batcherOf(runner, { rowsPerRunMax: 1_000, rowsQueuedMax: 5_000 });
  const many = (rows: number, isExplained: boolean): ScoreRequest => ({
    ...request(...Array.from({ length: rows }, () => 1)),
    isExplained,
  });
  const given = [many(1, false), many(2, false), many(300, true), many(212, true), many(3, true), many(4, false)];
  const answers = Promise.all(given.map((one) => batcher.submit(one)));
  await turn();
  for (let run = 0; run < 4; run += 1) await runner.end(run);
  expect(runner.runs.map(({ rows, isExplained }) => [rows, isExplained])).toEqual([
    [3, false],
    [512, true],
    [3, true],
    [4, false],
  ]);
  await answers;
  await expect(batcher.submit(many(513, true))).rejects.toMatchObject({ code: "internal" });
});

test("rejects only the requests that exceed the queue limit", async () => {
  const runner = new HeldRunner();
  const batcher = batcherOf(runner, { rowsQueuedMax: 3 });
  const running = batcher.submit(request(1));
  await turn();
  const waiting = batcher.submit(request(2, 3));
  await expect(batcher.submit(request(4, 5))).rejects.toMatchObject({
    code: "queue-full",
    message: "The queue is full: 2 rows are waiting for the model, and the limit is 3.",
  });
  const fits = batcher.submit(request(6));
  await runner.end(0);
  await runner.end(1);
  await expect(Promise.all([running, waiting, fits])).resolves.toHaveLength(3);
});

test("drops expired requests without running them", async () => {
  const runner = new HeldRunner();
  const batcher = batcherOf(runner);
  const first = batcher.submit(request(1));
  await turn();
  const late = batcher.submit({ ...request(2), deadlineMs: Date.now() + 20 });
  const gone = batcher.submit({ ...request(3), isAbandoned: () => true });
  const inTime = batcher.submit({ ...request(4), deadlineMs: Date.now() + 60_000 });
  const lateError = expect(late).rejects.toMatchObject({ code: "deadline-exceeded" });
  const goneError = expect(gone).rejects.toMatchObject({ code: "deadline-exceeded" });
  await sleep(30);
  await runner.end(0);
  expect(runner.runs[1]?.values).toEqual([4]);
  await Promise.all([lateError, goneError, first]);
  await runner.end(1);
  await expect(inTime).resolves.toBeDefined();
});

test.each([
  ["for contributions does not delay others", true],
  ["does not delay requests for contributions", false],
])("an expired request %s", async (_what, isExplained) => {
  const runner = new HeldRunner();
  const batcher = batcherOf(runner);
  const first = batcher.submit(request(1));
  await turn();
  let isGone = false;
  const late = batcher.submit({ ...request(2), isExplained, isAbandoned: () => isGone });
  const behind = batcher.submit({ ...request(3), isExplained: !isExplained });
  const lateError = expect(late).rejects.toMatchObject({ code: "deadline-exceeded" });
  isGone = true;
  await runner.end(0);
  expect(runner.runs.slice(1)).toMatchObject([{ values: [3], isExplained: !isExplained }]);
  expect(batcher.rowsQueued).toBe(0);
  await runner.end(1);
  await Promise.all([first, lateError, behind, batcher.drained()]);
});

test("reuses the queue space of expired requests", async () => {
  const runner = new HeldRunner();
  const batcher = batcherOf(runner, { rowsQueuedMax: 2 });
  const first = batcher.submit(request(1));
  await turn();
  const late = batcher.submit({ ...request(2, 3), deadlineMs: Date.now() - 1 });
  const lateError = expect(late).rejects.toMatchObject({ code: "deadline-exceeded" });
  const inTime = batcher.submit(request(4));
  expect(batcher.rowsQueued).toBe(1);
  await lateError;
  await runner.end(0);
  await runner.end(1);
  await Promise.all([first, inTime]);
});

test("a failed run fails only its own requests", async () => {
  const runner = new HeldRunner();
  const batcher = batcherOf(runner);
  const first = batcher.submit(request(1));
  await turn();
  const second = batcher.submit(request(2));
  runner.runs[0]?.fail();
  await expect(first).rejects.toMatchObject({ code: "internal", message: "the model failed" });
  await sleep(0);
  await runner.end(1);
  await expect(second).resolves.toMatchObject({ outputs: Float32Array.of(4) });
});

test("is drained when no request waits or runs, and accepts none after it is closed", async () => {
  const runner = new HeldRunner();
  const batcher = batcherOf(runner);
  await batcher.drained();
  const answers = [batcher.submit(request(1))];
  await turn();
  answers.push(batcher.submit(request(2)));
  let isDrained = false;
  const drained = batcher.drained().then(() => {
    isDrained = true;
  });
  await runner.end(0);
  expect(isDrained).toBe(false);
  await runner.end(1);
  await drained;
  await Promise.all(answers);
  const running = batcher.submit(request(3));
  await turn();
  const waiting = expect(batcher.submit(request(4))).rejects.toMatchObject({ code: "scoring-unavailable" });
  batcher.close();
  await waiting;
  await runner.end(2);
  await expect(running).resolves.toBeDefined();
  await expect(batcher.submit(request(5))).rejects.toMatchObject({ code: "scoring-unavailable" });
});

describe("inline runs of a few rows", () => {
  /** Accepts up to `rowsMax` rows; each score is the row's value plus a half. */
  class InlineRunner extends HeldRunner {
    readonly sizes: number[] = [];
    readonly inline;

    constructor(rowsMax: number) {
      super();
      this.inline = {
        rowsMax,
        run: (features: Float32Array, rows: number) => {
          if (features.includes(-1)) throw new Error("it broke");
          this.sizes.push(rows);
          return { outputs: features.map((value) => value + 0.5), durationMs: 1 };
        },
      };
    }
  }

  test("batch the requests of one event-loop turn without a thread", async () => {
    const runner = new InlineRunner(3);
    const reports: RunReport[] = [];
    const batcher = batcherOf(runner, {}, reports);
    const answers = [request(1), request(2, 3)].map((one) => batcher.submit(one));
    expect((await Promise.all(answers)).map((answer) => Array.from(answer.outputs))).toEqual([[1.5], [2.5, 3.5]]);
    expect(reports).toMatchObject([{ rows: 3, requests: 2, inferenceMs: 1, explanationMs: 0 }]);
    expect(runner.runs).toEqual([]);
    await batcher.drained();
  });

  test("leave larger batches to a thread without waiting for it", async () => {
    const runner = new InlineRunner(3);
    const batcher = batcherOf(runner);
    const many = batcher.submit(request(1, 2, 3, 4));
    await turn();
    expect(runner.runs.map((run) => run.values)).toEqual([[1, 2, 3, 4]]);
    expect((await batcher.submit(request(5))).outputs).toEqual(Float32Array.of(5.5));
    await runner.end(0);
    expect((await many).outputs).toEqual(Float32Array.of(2, 4, 6, 8));
    expect(runner.sizes).toEqual([1]);
  });

  test("leave requests for contributions to a thread", async () => {
    const runner = new InlineRunner(3);
    const batcher = batcherOf(runner);
    const explained = batcher.submit({ ...request(1), isExplained: true });
    await turn();
    await runner.end(0);
    expect((await explained).outputs).toEqual(Float32Array.of(2));
    expect(runner.sizes).toEqual([]);
  });

  test("a failed one fails only its own requests", async () => {
    const batcher = batcherOf(new InlineRunner(3));
    await expect(batcher.submit(request(-1))).rejects.toMatchObject({ code: "internal", message: "it broke" });
    expect((await batcher.submit(request(1))).outputs).toEqual(Float32Array.of(1.5));
  });
});
