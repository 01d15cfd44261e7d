import type { PolicyResult, PolicyTask } from "../policy-thread.js";

/** Stands in for the body of a thread where a test needs a text that never ends, or one that takes all memory. */
export default function perform(task: PolicyTask): PolicyResult {
  const text = "text" in task ? task.text : "";
  if (text === "spin") for (;;);
  if (text === "hoard") for (const held: number[][] = []; ; ) held.push(Array.from({ length: 10_000 }, Math.random));
  return { answer: { version: text, specVersion: 1, guard: undefined, parts: [] } };
}
