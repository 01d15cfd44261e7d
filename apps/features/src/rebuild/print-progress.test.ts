import { setTimeout as delay } from "node:timers/promises";
import { progressPrinter } from "./print-progress.js";

test("the estimate of the remaining time depends only on the work of this run", async () => {
  const written: string[] = [];
  const out = { isTTY: true, write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream;
  const progress = progressPrinter(out);
  progress("fold the slices", 90, 100);
  await delay(300);
  progress("fold the slices", 91, 100);
  const [, seconds] = /91 of 100, (\d+) s left/.exec(written.at(-1) ?? "") ?? [];
  expect(Number(seconds)).toBeGreaterThanOrEqual(3);
});
