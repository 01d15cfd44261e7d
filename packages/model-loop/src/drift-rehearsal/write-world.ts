import { join } from "node:path";
import { backfill } from "@tripline/backfill/backfill";
import { fileSource } from "@tripline/backfill/input/transactions-source";
import { writeHistory } from "@tripline/backfill/input/write-history";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { DAY_MS } from "../drift/judge-day.js";
import { LABEL_DAYS, MEASURED_WEEKS } from "./compare-champions.js";
import { ANSWER_DAYS_MAX } from "./drift-world.js";
import type { ShiftName } from "./shift-traffic.js";
import { shiftedTraffic } from "./shift-traffic.js";

export interface WorldOptions {
  readonly simulation: SimulationOptions;
  readonly shift: ShiftName;
  /** Counted from 1970-01-01. */
  readonly shiftDay: number;
  readonly cardTokenKey: Uint8Array;
  readonly folder: string;
}

/** The files of a simulation. */
export interface WrittenWorld {
  /** All payments with their features and labels. */
  readonly features: string;
  /** Folder of the profile tables, with one row per day. */
  readonly profiles: string;
}

/** Writes a simulation with a shift, up to the end of the last week in which a champion may be evaluated. */
export async function writeWorld({ shift, shiftDay, folder, ...world }: WorldOptions): Promise<WrittenWorld> {
  const path = join(folder, "payments.parquet");
  const [outputPath, profilesPath] = [join(folder, "features.parquet"), join(folder, "profiles")];
  const payments = shiftedTraffic(world.simulation, shift, shiftDay * DAY_MS);
  const untilMs = (shiftDay + ANSWER_DAYS_MAX + 1 + 7 * MEASURED_WEEKS + LABEL_DAYS) * DAY_MS;
  await writeHistory({ ...world, payments, untilMs, tenant: DEMO_TENANT, path });
  const source = fileSource(path);
  await backfill({ spec: currentFeatureSpec(), source, tenant: DEMO_TENANT, outputPath, profilesPath });
  return { features: outputPath, profiles: profilesPath };
}
