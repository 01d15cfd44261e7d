import type { PolicyResult, PolicyTask } from "../policy-thread.js";

/** Replaces the thread body in tests that need a text that never ends, or one that uses up the memory. */
export default function perform(task: PolicyTask): PolicyResult {
  const text = "text" in task ? task.text : "";
  if (text === "spin") for (;;);
  if (text === "hoard") for (const held: number[][] = []; ; ) held.push(Array.from({ length: 10_000 }, Math.random));
  return { answer: { version: text, specVersion: 1, guard: undefined, readFeatures: [], parts: [] } };
}
