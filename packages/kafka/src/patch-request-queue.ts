import RequestQueueClass from "kafkajs/src/network/requestQueue/index.js";

/** The part of kafkajs 2.2.4's RequestQueue that is patched. */
interface RequestQueue {
  readonly pending: readonly unknown[];
  /** Milliseconds since the epoch until which the broker throttles the client; -1 initially. */
  readonly throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
}

type Schedule = (this: RequestQueue) => void;

const METHOD = "scheduleCheckPendingRequests";
/** The same value as in kafkajs. */
const CHECK_PENDING_REQUESTS_MS = 10;

let isPatched = false;

/**
 * After every response, kafkajs 2.2.4 sets a timer to check its queue of waiting requests, even if none is waiting. The
 * delay is then `-1 - Date.now()`: Node prints a TimeoutNegativeWarning and wakes up needlessly after 1 ms. It reads
 * the clock a second time for the delay, so a throttle that ends in between has the same effect. This patch reads the
 * clock once, and sets the timer only if there is something to wait for. If a kafkajs version does not have that
 * method, nothing is patched.
 *
 * Patches: `scheduleCheckPendingRequests` in kafkajs/src/network/requestQueue/index.js, line 306. Issues:
 * https://github.com/tulios/kafkajs/issues/1751 (warning), https://github.com/tulios/kafkajs/issues/1704 (timer).
 * Remove this patch once a kafkajs release fixes both. The newest release, 2.2.4, is from 2023.
 */
export function patchRequestQueue(): void {
  if (isPatched) return;
  isPatched = true;
  if (typeof RequestQueueClass !== "function") return;
  const prototype: unknown = RequestQueueClass.prototype;
  if (typeof prototype !== "object" || prototype === null) return;
  if (typeof Reflect.get(prototype, METHOD) !== "function") return;
  const patched: Schedule = function () {
    const throttledMs = this.throttledUntil - Date.now();
    if (this.throttleCheckTimeoutId !== null || (this.pending.length === 0 && throttledMs <= 0)) return;
    const delayMs = throttledMs > 0 ? throttledMs : CHECK_PENDING_REQUESTS_MS;
    this.throttleCheckTimeoutId = setTimeout(() => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    }, delayMs);
  };
  Reflect.set(prototype, METHOD, patched);
}
