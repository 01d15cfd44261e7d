import { Transcript } from "../k6/read-transcript.js";
import type { Stage } from "../scenarios.js";
import { dueMs } from "../scenarios.js";
import { correctLateness } from "./correct-lateness.js";

const STAGES: readonly Stage[] = [
  { phase: "climb", seconds: 2, fromRate: 0, toRate: 100, isLimited: false },
  { phase: "steady", seconds: 2, fromRate: 100, toRate: 100, isLimited: true },
];

/** Iterations, numbered as by k6, some of which are dropped or begin late. */
function play(isDropped: (due: number) => boolean, lateMs: (due: number) => number): Transcript {
  const transcript = new Transcript();
  let number = 0;
  for (let due = 0; due < 300; due += 1) {
    if (isDropped(due)) continue;
    const beganMs = Math.round(dueMs(STAGES, due + 1) + lateMs(due));
    const seemsLateMs = beganMs - dueMs(STAGES, number + 1);
    transcript.add(`p ${number} ${beganMs} ${seemsLateMs} 10 202 - - -`);
    number += 1;
  }
  return transcript;
}

function corrected(transcript: Transcript): number[] {
  correctLateness(transcript, STAGES, 1, 1);
  return Array.from(transcript.latenessMs.subarray(0, transcript.count));
}

test("dropped iterations do not make later ones late", () => {
  const transcript = play(
    (due) => due >= 50 && due < 90,
    () => 0,
  );
  expect(Math.max(...transcript.latenessMs)).toBeGreaterThan(300);
  // Times are whole milliseconds. At the slow start, a millisecond is a small part of an iteration.
  expect(Math.max(...corrected(transcript))).toBeLessThan(12);
});

test("counts an iteration that began late as late, whatever was dropped before it", () => {
  const lateness = corrected(
    play(
      (due) => due % 10 === 0,
      (due) => (due === 155 ? 80 : 0),
    ),
  );
  const late = lateness.filter((ms) => ms > 50);
  expect(late).toHaveLength(1);
  expect(late[0]).toBeCloseTo(80, -1);
});
