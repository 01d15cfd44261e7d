import RequestQueueClass from "kafkajs/src/network/requestQueue/index.js";

/** The part of kafkajs 2.2.4's RequestQueue that is patched. */
interface RequestQueue {
  readonly pending: readonly unknown[];
  /** Milliseconds since the epoch until which the broker wants silence; -1 at first. */
  readonly throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
}

type Schedule = (this: RequestQueue) => void;

const METHOD = "scheduleCheckPendingRequests";
/** As in kafkajs. */
const CHECK_PENDING_REQUESTS_MS = 10;

let isPatched = false;

/**
 * After every response kafkajs 2.2.4 sets a timer to look at its queue of waiting requests, also when none waits. The
 * delay is then `-1 - Date.now()`: Node prints a TimeoutNegativeWarning and wakes up for nothing 1 ms later. It reads the clock again for
 * the delay, so a throttle that ends in between has the same effect. With this patch the clock is read once, and the timer is set
 * only if there is something to wait for. A kafkajs without that method is left as it is.
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
