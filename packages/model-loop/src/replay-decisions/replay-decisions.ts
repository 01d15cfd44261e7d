import { readFile } from "node:fs/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import type { ModelVersion } from "@tripline/model-registry/model-registry";
import { ThreadPool } from "../threads/thread-pool.js";
import { findModel, findModels, findScorecards } from "./find-models.js";
import type { PolicyText } from "./find-policies.js";
import { findPolicies, readPolicy, SHIPPED_POLICY } from "./find-policies.js";
import type { ArchivedDecision, ArchivedRange, ArchivedVersions } from "./read-archived.js";
import { readArchived, surveyDecisions } from "./read-archived.js";
import type { ReplayTally } from "./replay-tally.js";
import { addTally, emptyTally } from "./replay-tally.js";
import type { ReplayInputs } from "./replay-worker.js";

export interface ReplayDecisionsOptions extends ArchivedRange {
  readonly registryUrl: string;
  /** Decides in place of the archived policy versions, which are looked for in the shipped policy's file and its history. */
  readonly policyFile?: string;
  /** Scores in place of the archived model versions. */
  readonly model?: { readonly name: string; readonly at: string };
  /** Scorecards that stood in for the model and that the registry lacks. */
  readonly scorecardFiles: readonly string[];
  readonly threads: number;
  readonly onProgress?: (progress: { readonly doneEvents: number; readonly totalEvents: number }) => void;
}

export interface ReplayDecisionsReport extends ReplayTally {
  readonly specVersion: number;
  /** The policy that decided in place of the archived ones. */
  readonly policyVersion: string | undefined;
  /** The model that scored in place of the archived ones. */
  readonly modelVersion: string | undefined;
}

type ReplayThreads = ThreadPool<readonly ArchivedDecision[], ReplayTally>;

/** Blocks per thread that wait or are being decided; so much is in memory at once, however long the range is. */
const BLOCKS_PER_THREAD_MAX = 2;

/**
 * Decides archived payments again, with the same code as the decisions service, and compares. Reads the lake and the
 * registry; writes nothing.
 *
 * @throws TriplineError `not-found` for an empty range, `config-invalid`, `policy-invalid` or `scorecard-invalid` for a file,
 * `model-not-found`, `spec-mismatch` where no decision is of this build's feature spec, `lake-unavailable`
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

function requireSpec(archived: readonly ArchivedVersions[], spec: FeatureSpec): void {
  if (archived.some(({ specVersion }) => specVersion === spec.version)) return;
  const versions = [...new Set(archived.map(({ specVersion }) => specVersion))].join(", ");
  throw new TriplineError(
    "spec-mismatch",
    `All of these decisions have features of spec version ${versions}, this build has ${spec.version}: ` +
      "replay them with the release that has that spec.",
  );
}

async function findInputs(archived: readonly ArchivedVersions[], options: ReplayDecisionsOptions, spec: FeatureSpec) {
  const { registryUrl, policyFile, model } = options;
  const wanted = new Set(archived.map(({ policyVersion }) => policyVersion));
  const policies: PolicyText[] =
    policyFile === undefined ? await findPolicies(SHIPPED_POLICY, wanted) : [await readPolicy(policyFile)];
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

async function readScorecard(file: string, spec: FeatureSpec): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const detail = `The scorecard ${file} cannot be read (${cause.code}): give --scorecard the JSON that training wrote.`;
    throw new TriplineError("config-invalid", detail, [], { cause });
  });
  parseScorecard(text, spec, file);
  return text;
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
  const running: { readonly rows: number; readonly tally: Promise<ReplayTally> }[] = [];
  let doneEvents = 0;
  const takeFirst = async (): Promise<void> => {
    const first = running.shift();
    if (first === undefined) return;
    addTally(tally, await first.tally);
    doneEvents += first.rows;
    onProgress?.({ doneEvents, totalEvents });
  };
  for await (const rows of readArchived(scan, options)) {
    const made = pool.run(rows);
    // It is looked at when its turn comes; until then its failure is not to end the process.
    made.catch(() => undefined);
    running.push({ rows: rows.length, tally: made });
    if (running.length >= threads * BLOCKS_PER_THREAD_MAX) await takeFirst();
  }
  while (running.length > 0) await takeFirst();
  return tally;
}
