import RequestQueueClass from "kafkajs/src/network/requestQueue/index.js";

/** The part of kafkajs 2.2.4's RequestQueue that is patched. */
interface RequestQueue {
  readonly pending: readonly unknown[];
  /** Milliseconds since the epoch until which the broker wants silence; -1 at first. */
  readonly throttledUntil: number;
}

type Schedule = (this: RequestQueue) => void;

const METHOD = "scheduleCheckPendingRequests";

let isPatched = false;

/**
 * After every response kafkajs 2.2.4 sets a timer to look at its queue of waiting requests, also when none waits. The
 * delay is then `-1 - Date.now()`: Node prints a TimeoutNegativeWarning and wakes up for nothing 1 ms later. With this
 * patch the timer is set only if there is something to wait for. A kafkajs without that method is left as it is.
 *
 * Patches: `scheduleCheckPendingRequests` in kafkajs/src/network/requestQueue/index.js, line 306.
 * Issues: https://github.com/tulios/kafkajs/issues/1751 (warning), https://github.com/tulios/kafkajs/issues/1704 (timer).
 * Can go: with a release of kafkajs in which both are fixed; 2.2.4 is the newest and is from 2023.
 */
export function patchRequestQueue(): void {
  if (isPatched) return;
  isPatched = true;
  if (typeof RequestQueueClass !== "function") return;
  const prototype: unknown = RequestQueueClass.prototype;
  if (typeof prototype !== "object" || prototype === null) return;
  const original: unknown = Reflect.get(prototype, METHOD);
  if (typeof original !== "function") return;
  const patched: Schedule = function () {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) Reflect.apply(original, this, []);
  };
  Reflect.set(prototype, METHOD, patched);
}
