import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Mapping } from "@tripline/backfill/mapping/mapping";
import type { OwnFeatures } from "@tripline/model-loop/own-data/compute-own-features";
import { computeOwnFeatures } from "@tripline/model-loop/own-data/compute-own-features";
import { trainOwnModel } from "@tripline/model-loop/own-data/train-own-model";
import { DEMO_TENANT, MODEL_NAME } from "@tripline/system/services/plan-services";
import type { StepLog } from "@tripline/system/step-log";
import { installationKey, openMapping } from "../data/map-options.js";

/** Features and models are stored next to the mapping, so that different data sets do not overwrite each other. */
const ownFolder = ({ map }: Pick<OwnFlags, "map">): string => join(resolve(dirname(map)), ".tripline");

export interface OwnFlags {
  readonly map: string;
  readonly from: string;
  readonly to: string;
  readonly registry?: string;
  readonly cardTokenKey?: Buffer;
  readonly tenant?: string;
  readonly featureAucMax?: number;
}

export function ownRegistry(flags: OwnFlags): string {
  return flags.registry ?? pathToFileURL(join(ownFolder(flags), "registry")).href;
}

/** The features of a mapped file, computed if necessary. */
export async function ownFeatures(flags: OwnFlags, steps: StepLog): Promise<{ mapping: Mapping; files: OwnFeatures }> {
  const { mapping, rejectsPath } = await openMapping(flags.map);
  const files = await computeOwnFeatures({
    mapping,
    key: installationKey(flags.cardTokenKey),
    tenant: flags.tenant ?? DEMO_TENANT,
    folder: ownFolder(flags),
    rejectsPath: resolve(rejectsPath),
    steps,
  });
  return { mapping, files };
}

/** Runs `tripline train --map`. */
export async function trainOnOwnData(flags: OwnFlags, steps: StepLog): Promise<void> {
  const { mapping, files } = await ownFeatures(flags, steps);
  const registryUrl = ownRegistry(flags);
  const { featureAucMax } = flags;
  const limit = featureAucMax === undefined ? {} : { featureAucMax };
  const version = await trainOwnModel({ files, mapping, period: flags, registryUrl, steps, ...limit });
  process.stdout.write(
    `\n  ${MODEL_NAME} ${version} is the champion of ${registryUrl}\n  Next: npx tripline evaluate --map ${flags.map} --from … --to …, with days after ${flags.to}\n`,
  );
}
