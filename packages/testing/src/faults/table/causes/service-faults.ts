import { setTimeout as delay } from "node:timers/promises";
import type { ServiceName } from "@tripline/system/service-environment/service-variables";
import type { BusyService } from "../../kill-busy.js";
import type { Cause } from "../fault.js";

const PAUSE_MS = 20_000;
const BLOCK_MS = 5_000;
const CLOCK_AHEAD_MS = 600_000;
const CLOCK_WRONG_MS = 15_000;

export const crash =
  (service: BusyService): Cause =>
  ({ killBusy }) =>
    killBusy(service);

export const kill =
  (service: ServiceName): Cause =>
  async ({ processOf }) =>
    processOf(service).kill();

export const pause =
  (service: ServiceName): Cause =>
  async ({ processOf }) => {
    const { pid } = processOf(service);
    if (pid === undefined) throw new Error(`The service ${service} is not running.`);
    process.kill(pid, "SIGSTOP");
    await delay(PAUSE_MS);
    process.kill(pid, "SIGCONT");
  };

/** Fills V8's heap. The process spends its last seconds collecting garbage, until V8 aborts it. */
export const runOutOfMemory =
  (service: BusyService): Cause =>
  async ({ causeInside }) =>
    causeInside(service, { leak: true });

export const block =
  (...services: readonly BusyService[]): Cause =>
  async ({ causeInside }) => {
    for (const service of services) {
      await causeInside(service, { blockMs: BLOCK_MS });
      await delay(2 * BLOCK_MS);
    }
  };

/** For a while, sets the clocks of these services ten minutes ahead, as on machines with wrong clocks. */
export const moveClock =
  (...services: readonly ServiceName[]): Cause =>
  async ({ causeInside }) => {
    for (const service of services) await causeInside(service, { clockAheadMs: CLOCK_AHEAD_MS });
    await delay(CLOCK_WRONG_MS);
    for (const service of services) await causeInside(service, { clockAheadMs: 0 });
  };
