import { drawTimeline } from "./draw-timeline.js";
import { readSchedule, slicesBetween, totalsOf } from "./read-schedule.js";

/** As `perf script` prints it; 7 sleeps, is woken by 9, put aside for 9, and goes on. */
const LINES = [
  "     9 100.000010000:         sched:sched_wakeup: comm=node pid=7 prio=120 target_cpu=001",
  "     9 100.000020000:         sched:sched_wakeup: comm=node pid=7 prio=120 target_cpu=001",
  "     9 100.000040000:         sched:sched_switch: prev_comm=Main Thread prev_pid=9 prev_prio=120 prev_state=S ==> next_comm=node next_pid=7 next_prio=120",
  "     7 100.000100000:         sched:sched_switch: prev_comm=node prev_pid=7 prev_prio=120 prev_state=R+ ==> next_comm=Main Thread next_pid=9 next_prio=120",
  "     9 100.000130000:         sched:sched_switch: prev_comm=Main Thread prev_pid=9 prev_prio=120 prev_state=S ==> next_comm=node next_pid=7 next_prio=120",
  "     7 100.000150000:         sched:sched_switch: prev_comm=node prev_pid=7 prev_prio=120 prev_state=S ==> next_comm=swapper/1 next_pid=0 next_prio=120",
];
const START_US = 100e6;

const laneOf = (thread: number) => (thread === 7 ? "features" : thread === 9 ? "others" : undefined);
const read = () => readSchedule(LINES, laneOf);

test("a thread waits from its wake until it runs, and while it is put aside", async () => {
  const own = (await read()).filter(({ lane }) => lane === "features");
  const told = own.map(({ state, fromUs, toUs, isWake }) => [
    state,
    Math.round(fromUs - START_US),
    Math.round(toUs - START_US),
    isWake,
  ]);
  expect(told).toEqual([
    ["waited", 10, 40, false],
    ["ran", 40, 100, true],
    ["waited", 100, 130, false],
    ["ran", 130, 150, false],
  ]);
});

test("between two moments slices are cut, and a wake before them does not count", async () => {
  const slices = await read();
  const whole = totalsOf(slicesBetween(slices, START_US, START_US + 1_000), "features");
  expect([whole.wakes, Math.round(whole.ranUs), Math.round(whole.waitedUs)]).toEqual([1, 80, 60]);
  const late = totalsOf(slicesBetween(slices, START_US + 60, START_US + 140), "features");
  expect([late.wakes, Math.round(late.ranUs), Math.round(late.waitedUs)]).toEqual([0, 50, 30]);
});

test("the picture has a bar for each slice, in the lane of its process, and escapes what it is told", async () => {
  const slices = slicesBetween(await read(), START_US, START_US + 150);
  const panel = { title: "a < b", fromUs: START_US, toUs: START_US + 150, slices };
  const picture = drawTimeline(["features", "others"], [panel]);
  expect(picture.match(/M[\d.]+ \d+h[\d.]+/g)).toHaveLength(slices.length);
  expect(picture).toContain("a &lt; b");
  expect(picture).toContain("1 wakes, ran 0.1, waited 0.1 ms");
});
