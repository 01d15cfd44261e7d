import { readFileSync } from "node:fs";
import { snapshotWorkerConfig } from "@tripline/features/snapshot/snapshot-config";
import { isDueDay } from "@tripline/lake/compact/closed-days";
import { firstDayRead } from "@tripline/model-loop/drift/judge-day";
import { parse } from "yaml";

const ROOT = new URL("../../../../", import.meta.url);
const CLOUDS = ["aws", "gcp", "azure"];
const ENVIRONMENTS = ["dev", "staging", "prod"];
const DAY_MS = 86_400_000;
/** The tiers that cannot be read before their files are restored. */
const RESTORED_FIRST = ["deep_archive", "archive"];

const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

/** Age in days at which files of the lake move, by tier. */
function tiersOf(cloud: string, environment: string): Map<string, number> {
  const [, text = ""] =
    /lake_tiering_days\s*=\s*\{([^}]+)\}/.exec(read(`infra/envs/${cloud}/${environment}.tfvars`)) ?? [];
  return new Map([...text.matchAll(/(\w+)\s*=\s*(\d+)/g)].map(([, tier = "", days]) => [tier, Number(days)]));
}

/** Age of the oldest day that is compacted automatically. */
function daysCompacted(): number {
  const nowMs = Date.UTC(2026, 5, 30, 12);
  let age = 1;
  while (isDueDay(new Date(nowMs - age * DAY_MS).toISOString().slice(0, 10), nowMs)) age += 1;
  return age - 1;
}

describe.each(CLOUDS)("tiers of the lake on %s", (cloud) => {
  test.each(ENVIRONMENTS)(
    "begin after the days that recovery, compaction and drift detection read: %s",
    (environment) => {
      const tiers = tiersOf(cloud, environment);
      const ages = [...tiers.values()];
      expect(ages.length).toBeGreaterThan(0);
      const snapshotDays = snapshotWorkerConfig.shape.SNAPSHOT_DAYS.parse(undefined);
      expect(Math.min(...ages)).toBeGreaterThan(Math.max(daysCompacted(), snapshotDays));
      if (cloud === "gcp") return;
      const unreadable = ages.filter((_, index) => RESTORED_FIRST.includes([...tiers.keys()][index] ?? ""));
      const driftDays = -firstDayRead(0);
      // A merged file counts as new, so it may be younger than its day, but not older.
      for (const age of unreadable) expect(age).toBeGreaterThan(driftDays + daysCompacted());
    },
  );

  test("are not read by the chart's retraining job", () => {
    const { jobs } = parse(read("deploy/helm/tripline/values.yaml")) as { jobs: { worker: { days: number } } };
    // 0 means no limit. Terraform's outputs replace it with a limit below the age of the archive tier.
    const outputs = read(`infra/envs/${cloud}/outputs.tf`);
    expect(jobs.worker.days).toBe(0);
    expect(cloud === "gcp" || /worker = \{ days = .*(deep_archive|archive) - 7/.test(outputs)).toBe(true);
  });
});
