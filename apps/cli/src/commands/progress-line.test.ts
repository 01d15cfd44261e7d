import { ProgressLine } from "./progress-line.js";

function shown(isTTY: boolean, steps: readonly (readonly [atMs: number, doneEvents: number])[]): string[] {
  const written: string[] = [];
  let nowMs = 0;
  const line = new ProgressLine({ isTTY, write: (text) => written.push(text) }, () => nowMs);
  line.say("sorting");
  for (const [atMs, doneEvents] of steps) {
    nowMs = atMs;
    line.update({ doneEvents, totalEvents: 4_000_000 });
  }
  line.end();
  return written;
}

describe("the progress of a backfill", () => {
  test("is one line on a terminal, with the percentage, events per second and remaining time", () => {
    const steps = [
      [0, 1_000_000],
      [100, 1_100_000],
      [2_000, 2_000_000],
      [3_000, 4_000_000],
    ] as const;
    expect(shown(true, steps)).toEqual([
      "\r\x1b[2Ksorting",
      "\r\x1b[2K25 % of 4,000,000 events",
      // The work of an earlier run does not count in the rate.
      "\r\x1b[2K50 % of 4,000,000 events, 500,000 events/s, 0:04 left",
      "\r\x1b[2K100 % of 4,000,000 events, 1,000,000 events/s",
      "\r\x1b[2K",
    ]);
  });

  test("is a few plain lines if the output is not a terminal, and always includes the final state", () => {
    const steps = [
      [0, 0],
      [9_000, 9_000],
      [10_000, 1_000],
      [19_000, 2_000_000],
      [20_001, 2_000_001],
      [20_002, 4_000_000],
    ] as const;
    expect(shown(false, steps)).toEqual([
      "sorting\n",
      "0 % of 4,000,000 events\n",
      "0 % of 4,000,000 events, 100 events/s, 11:06:30 left\n",
      "50 % of 4,000,000 events, 99,995 events/s, 0:21 left\n",
      "100 % of 4,000,000 events, 199,980 events/s\n",
    ]);
  });

  test("is complete if there is nothing to do", () => {
    const written: string[] = [];
    new ProgressLine({ write: (text) => written.push(text) }).update({ doneEvents: 0, totalEvents: 0 });
    expect(written).toEqual(["100 % of 0 events\n"]);
  });
});
