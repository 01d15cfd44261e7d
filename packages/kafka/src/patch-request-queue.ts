import { createRequire } from "node:module";

/** The part of kafkajs 2.2.4's RequestQueue that is mended. */
interface RequestQueue {
  readonly pending: readonly unknown[];
  /** Milliseconds since the epoch until which the broker wants silence; -1 at first. */
  readonly throttledUntil: number;
}

type Schedule = (this: RequestQueue) => void;

const METHOD = "scheduleCheckPendingRequests";

let isMended = false;

/**
 * After every response kafkajs 2.2.4 sets a timer to look at its queue of waiting requests, also when none waits. The
 * delay is then `-1 - Date.now()`: Node prints a TimeoutNegativeWarning and wakes up for nothing 1 ms later. With this
 * the timer is set only where there is something to wait for. A kafkajs without that method is left as it is.
 */
export function mendRequestQueue(): void {
  if (isMended) return;
  isMended = true;
  const loaded: unknown = createRequire(import.meta.url)("kafkajs/src/network/requestQueue/index.js");
  if (typeof loaded !== "function") return;
  const prototype: unknown = loaded.prototype;
  if (typeof prototype !== "object" || prototype === null) return;
  const original: unknown = Reflect.get(prototype, METHOD);
  if (typeof original !== "function") return;
  const mended: Schedule = function () {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) Reflect.apply(original, this, []);
  };
  Reflect.set(prototype, METHOD, mended);
}
