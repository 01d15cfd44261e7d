import { setTimeout as delay } from "node:timers/promises";
import { createLogger } from "@tripline/telemetry/logger";
import { registry } from "@tripline/telemetry/metrics";
import { RegularLook } from "./regular-look.js";

async function unguardedSeconds(): Promise<number | undefined> {
  const values = (await registry.getSingleMetric("tripline_control_unguarded_seconds")?.get())?.values ?? [];
  return values.find(({ labels }) => labels.what === "tests")?.value;
}

test("regression #24: the readiness report says if it has not run for a minute", () => {
  jest.useFakeTimers();
  try {
    const look = new RegularLook("tests", createLogger("control", "silent"), async () => {});
    jest.advanceTimersByTime(59_000);
    expect(look.note).toBeUndefined();
    jest.advanceTimersByTime(1_000);
    expect(look.note).toBe("the guard has not checked tests for 60 s");
  } finally {
    jest.useRealTimers();
  }
});

test("reports how long it has been failing", async () => {
  let isBroken = true;
  let looks = 0;
  const look = new RegularLook("tests", createLogger("control", "silent"), async () => {
    looks += 1;
    if (isBroken) throw new Error("no database");
  });
  look.onModuleInit();
  while (looks < 2) await delay(20);
  const failing = (await unguardedSeconds()) ?? 0;
  expect(failing).toBeGreaterThan(1.5);
  isBroken = false;
  // A successful check resets the time.
  while (((await unguardedSeconds()) ?? 0) >= failing) await delay(20);
  expect(looks).toBeGreaterThan(2);
  await look.onApplicationShutdown();
  expect(await unguardedSeconds()).toBeUndefined();
});
