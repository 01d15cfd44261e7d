import { setTimeout as delay } from "node:timers/promises";
import { needsLanes, runInLanes } from "../../../../tools/test/run-in-lanes.mjs";

const whole = ["demo", "journey", "browser"];
const others = Array.from({ length: 80 }, (_, number) => `test ${number}`);
const FILES_PER_WORKER_MAX = 16;
const FILES_PER_WORKER_MIN = 4;

test.each([1, 2, 3])(
  "every test runs once, and whole-system tests run one after another, in %d lanes",
  async (lanes) => {
    const ran: string[] = [];
    const begun = new Set<number>();
    let wholeNow = 0;
    await runInLanes({
      whole,
      others,
      lanes,
      run: async (tests, lane) => {
        expect(begun.has(lane)).toBe(false);
        begun.add(lane);
        const isWhole = tests.some((test) => whole.includes(test));
        if (isWhole) wholeNow += 1;
        expect(wholeNow).toBeLessThanOrEqual(1);
        for (const test of tests) {
          await delay(1);
          ran.push(test);
        }
        if (isWhole) wholeNow -= 1;
        begun.delete(lane);
      },
    });
    expect(ran.toSorted()).toEqual([...whole, ...others].toSorted());
  },
);

test("a lane that has run all whole-system tests helps the others until the last test", async () => {
  const parts: [lane: number, size: number][] = [];
  await runInLanes({
    whole,
    others,
    lanes: 2,
    run: async (tests, lane) => {
      parts.push([lane, tests.length]);
      await delay(lane === 2 ? 20 : 1);
    },
  });
  expect(parts.slice(0, 2)).toEqual([
    [1, whole.length],
    [2, FILES_PER_WORKER_MAX],
  ]);
  expect(parts.slice(2).some(([lane]) => lane === 1)).toBe(true);
  const sizes = parts.map(([, size]) => size);
  expect(Math.min(...sizes.slice(1, -1))).toBe(FILES_PER_WORKER_MIN);
  expect(sizes.at(-1)).toBeLessThanOrEqual(FILES_PER_WORKER_MIN);
});

test("no worker runs more than a few files, with or without whole-system tests", async () => {
  const sizes: number[] = [];
  const run = async (tests: string[]) => void sizes.push(tests.length);
  await runInLanes({ whole: others, others, lanes: 2, run });
  expect(Math.max(...sizes)).toBe(FILES_PER_WORKER_MAX);
});

test.each([
  [{ whole: 1, servers: 0, lanes: 3 }, true],
  [{ whole: 0, servers: 200, lanes: 3 }, true],
  [{ whole: 0, servers: FILES_PER_WORKER_MAX, lanes: 3 }, false],
  [{ whole: 36, servers: 200, lanes: 1 }, false],
])("regression #25: a run with %o uses lanes, which delete the topics of finished tests: %s", (counts, expected) => {
  expect(needsLanes(counts)).toBe(expected);
});

test("all lanes end even if there are no whole-system tests or no other tests", async () => {
  const ran: string[] = [];
  const run = async (tests: string[]) => void ran.push(...tests);
  await runInLanes({ whole: [], others, lanes: 2, run });
  expect(ran.toSorted()).toEqual(others.toSorted());
  ran.length = 0;
  await runInLanes({ whole, others: [], lanes: 2, run });
  expect(ran).toEqual(whole);
});
