import { TriplineError } from "@tripline/contracts/error-table";
import type { HealthCheck, ReadinessReport } from "@tripline/nest-kit/readiness";
import { Readiness } from "@tripline/nest-kit/readiness";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startParts } from "./start-parts.js";
import type { Target } from "./targets.js";

const CONFIG = { PORT: 0, DRAIN_SECONDS: 0 };

/** Parts that only record calls, and the added health checks. */
function partsOf(...targets: Target[]) {
  const calls: string[] = [];
  const checks = new Map<string, HealthCheck>();
  const report = { now: { status: "ready", checks: {} } as ReadinessReport };
  const serviceOf = (target: Target): RunningService => {
    const readiness = {
      add: (name: string, check: HealthCheck) => void checks.set(`${target}: ${name}`, check),
      report: async () => report.now,
    };
    return {
      routes: [],
      url: `http://${target}`,
      get: (provider) => {
        if (provider === (Readiness as unknown)) return readiness as never;
        throw new Error("no such provider");
      },
      drain: () => void calls.push(`drain ${target}`),
      close: async () => void calls.push(`close ${target}`),
    };
  };
  const parts = new Map(
    targets.map((target) => [target, { config: CONFIG, start: async () => serviceOf(target) }] as const),
  );
  return { plan: { parts, DRAIN_SECONDS: 0 }, calls, checks, report };
}

test("all parts drain together, and close in reverse order of dependency", async () => {
  const { plan, calls } = partsOf("auth", "scoring", "decisions", "ingestion");
  const running = await startParts(plan);
  running.drain();
  expect(calls.splice(0)).toEqual(["drain auth", "drain scoring", "drain decisions", "drain ingestion"]);
  await running.close();
  expect(calls).toEqual(["close ingestion", "close decisions", "close scoring", "close auth"]);
});

test("decisions is ready only while in-process scoring is ready", async () => {
  const { plan, checks, report } = partsOf("scoring", "decisions");
  await startParts(plan);
  const check = checks.get("decisions: scoring");
  await expect(check?.()).resolves.toBeUndefined();
  report.now = { status: "not-ready", checks: { model: "The model fails its check.", other: "ok" } };
  await expect(check?.()).rejects.toMatchObject({
    code: "scoring-unavailable",
    message: "The model fails its check.",
  });
});

test("a part that fails to start stops the others, and the error names the part and the reason", async () => {
  const { plan, calls } = partsOf("features", "decisions");
  const failing = { config: CONFIG, start: () => Promise.reject(new TriplineError("config-invalid", "No model.")) };
  const parts = new Map([...plan.parts, ["scoring", failing] as const]);
  await expect(startParts({ ...plan, parts })).rejects.toMatchObject({
    code: "config-invalid",
    message: "scoring did not start, so this process exits: No model.",
  });
  expect(calls).toEqual(["close decisions", "close features"]);
});
