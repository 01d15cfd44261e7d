import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import type { ModelVersion } from "@tripline/model-registry/model-registry";
import { ThreadPool } from "../threads/thread-pool.js";
import { decideBlocks } from "./decide-blocks.js";
import { findModel, findModels, findScorecards } from "./find-models.js";
import type { PolicyText } from "./find-policies.js";
import { findPolicies, readPolicy, SHIPPED_POLICY } from "./find-policies.js";
import type { ArchivedDecision, ArchivedRange, ArchivedVersions } from "./read-archived.js";
import { readArchived, requireSpec, surveyDecisions } from "./read-archived.js";
import { readScorecard } from "./read-scorecard.js";
import type { ReplayTally } from "./replay-tally.js";
import { addTally, emptyTally } from "./replay-tally.js";
import type { ReplayInputs } from "./replay-worker.js";

export interface ReplayDecisionsOptions extends ArchivedRange {
  readonly registryUrl: string;
  /**
   * Replaces the archived policy versions, which are otherwise found in the shipped policy's file and its git history.
   */
  readonly policyFile?: string;
  /** A folder with further policies. */
  readonly policiesFolder?: string;
  /** Replaces the archived model versions. */
  readonly model?: { readonly name: string; readonly at: string };
  /** Scorecards that were used as a fallback and are not in the registry. */
  readonly scorecardFiles: readonly string[];
  readonly threads: number;
  readonly onProgress?: (progress: { readonly doneEvents: number; readonly totalEvents: number }) => void;
}

export interface ReplayDecisionsReport extends ReplayTally {
  readonly specVersion: number;
  /** The policy that replaced the archived ones. */
  readonly policyVersion: string | undefined;
  /** The model that replaced the archived ones. */
  readonly modelVersion: string | undefined;
}

type ReplayThreads = ThreadPool<readonly ArchivedDecision[], ReplayTally>;

/**
 * Decides archived payments again, with the code of the decision service, and compares the results. Reads the lake and
 * the registry; writes nothing.
 *
 * @throws TriplineError `not-found` for an empty range, `config-invalid`, `policy-invalid` or `scorecard-invalid` for a
 *   file, `model-not-found`, `spec-mismatch` if no decision uses this build's feature spec, `lake-unavailable`
 */
export async function replayDecisions(options: ReplayDecisionsOptions): Promise<ReplayDecisionsReport> {
  const spec = currentFeatureSpec();
  const scan = await LakeScan.open();
  let threads: ReplayThreads | undefined;
  try {
    const archived = await surveyDecisions(scan, options);
    requireSpec(archived, spec);
    const inputs = await findInputs(archived, options, spec);
    threads = await ThreadPool.start(new URL("./replay-worker.js", import.meta.url), inputs.data, options.threads);
    const tally = await replayAll(scan, threads, archived, options);
    return { ...tally, specVersion: spec.version, ...inputs.forced };
  } finally {
    await threads?.close();
    await scan.close();
  }
}

async function findInputs(archived: readonly ArchivedVersions[], options: ReplayDecisionsOptions, spec: FeatureSpec) {
  const { registryUrl, policyFile, policiesFolder, model } = options;
  const wanted = new Set(archived.map(({ policyVersion }) => policyVersion));
  const policies: PolicyText[] =
    policyFile === undefined
      ? await findPolicies(SHIPPED_POLICY, wanted, policiesFolder)
      : [await readPolicy(policyFile)];
  const models: ModelVersion[] =
    model === undefined ? await findModels(registryUrl, archived, spec) : [await findModel(registryUrl, model, spec)];
  const data: ReplayInputs = {
    policies,
    isPolicyForced: policyFile !== undefined,
    models: models.map(({ modelBytes, manifest }) => ({ modelBytes, manifest })),
    isModelForced: model !== undefined,
    scorecards: [
      ...(await findScorecards(registryUrl, archived, spec)),
      ...(await Promise.all(options.scorecardFiles.map((file) => readScorecard(file, spec)))),
    ],
  };
  const forced = {
    policyVersion: policyFile === undefined ? undefined : policies[0]?.version,
    modelVersion: model === undefined ? undefined : models[0]?.version,
  };
  return { data, forced };
}

async function replayAll(
  scan: LakeScan,
  pool: ReplayThreads,
  archived: readonly ArchivedVersions[],
  options: ReplayDecisionsOptions,
): Promise<ReplayTally> {
  const { threads, onProgress } = options;
  const totalEvents = archived.reduce((sum, { rows }) => sum + rows, 0);
  const tally = emptyTally();
  let doneEvents = 0;
  for await (const { rows, result } of decideBlocks(readArchived(scan, options), pool, threads)) {
    addTally(tally, result);
    doneEvents += rows;
    onProgress?.({ doneEvents, totalEvents });
  }
  return tally;
}
