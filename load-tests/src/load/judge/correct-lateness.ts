import type { Transcript } from "../k6/read-transcript.js";
import type { Stage } from "../scenarios.js";
import { paymentsUntil, rateAt } from "../scenarios.js";

/**
 * Corrects lateness for dropped iterations. After k6 has dropped some, every later iteration seems late by their
 * number, which can only grow. Most iterations start on time. The smallest delay of an iteration and all later ones is
 * therefore the number dropped before it, and the remainder of its delay is its actual lateness.
 */
export function correctLateness(
  transcript: Transcript,
  stages: readonly Stage[],
  perIteration: number,
  numbersEach: number,
): void {
  const { numbers, atMs, latenessMs, count } = transcript;
  const order = Uint32Array.from({ length: count }, (_value, index) => index);
  order.sort((left, right) => (numbers[right] ?? 0) - (numbers[left] ?? 0));
  let dropped = Number.POSITIVE_INFINITY;
  for (const index of order) {
    const iteration = Math.floor((numbers[index] ?? 0) / numbersEach);
    const beganMs = atMs[index] ?? 0;
    const behind = paymentsUntil(stages, beganMs) / perIteration - (iteration + 1);
    dropped = Math.min(dropped, Math.max(0, behind));
    const rate = rateAt(stages, beganMs) / perIteration;
    latenessMs[index] = rate === 0 ? 0 : (Math.max(0, behind - dropped) / rate) * 1_000;
  }
}
