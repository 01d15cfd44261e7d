import { readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { z } from "zod";

/*
 * Causes faults inside a process, so that the product contains no code for this. The fault table starts every service with
 * this module (`NODE_OPTIONS=--import=<url>?file=<path>`). On SIGUSR2, the module causes the fault that the file describes.
 */

export const SIGNAL = "SIGUSR2";

const innerFault = z.union([
  /** Blocks the event loop for this time. */
  z.strictObject({ blockMs: z.number() }),
  /** Sets the clock this far ahead of the real time. Timers are not affected. */
  z.strictObject({ clockAheadMs: z.number() }),
  /** Allocates memory until V8 ends the process. */
  z.strictObject({ leak: z.literal(true) }),
]);
export type InnerFault = z.infer<typeof innerFault>;

const LEAKED_NUMBERS = 2_000_000;
const RealDate = Date;
const leaked: number[][] = [];

function cause(fault: InnerFault): void {
  if ("leak" in fault) leak();
  else if ("clockAheadMs" in fault) moveClock(fault.clockAheadMs);
  else for (const endMs = performance.now() + fault.blockMs; performance.now() < endMs; );
}

function leak(): void {
  leaked.push(new Array(LEAKED_NUMBERS).fill(Math.random()));
  setImmediate(leak);
}

function moveClock(aheadMs: number): void {
  const now = () => RealDate.now() + aheadMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given: ConstructorParameters<DateConstructor> | []) =>
      given.length === 0 ? new target(now()) : new target(...given),
    apply: () => new RealDate(now()).toString(),
    get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
  });
}

const file = new URL(import.meta.url).searchParams.get("file");
if (file !== null && isMainThread) {
  process.on(SIGNAL, () => cause(innerFault.parse(JSON.parse(readFileSync(file, "utf8")))));
}
