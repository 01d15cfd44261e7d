import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { DAY_MS } from "@tripline/simulator/payment-times";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { planScorer, TreeScorer } from "@tripline/tree-inference/tree-scorer";
import { z } from "zod";
import { PARAMS_FILE, SPEC_FILE } from "../retraining/retrain.js";
import { runPython } from "../run-python.js";
import { averagePrecision } from "./average-precision.js";
import { BANK, bankPolicy, COSTS, DAYS, TREES } from "./exploring-bank.js";
import type { LivedRow, Score } from "./live-world.js";
import { LiveWorld } from "./live-world.js";
import { writeRows, writeTruth } from "./write-rows.js";

export interface RehearsalOptions {
  readonly seed: number;
  readonly explores: boolean;
  /** Number of successive models. Each learns from the payments that earlier ones approved. */
  readonly generations: number;
  /** Must be empty. */
  readonly folder: string;
  readonly onProgress?: (line: string) => void;
}

export interface RehearsedBank {
  /** Of the last generation, on the complete truth after its training, including declined payments. */
  readonly averagePrecision: number;
  /** The same for a model trained in the same way on the complete truth. */
  readonly oracle: number;
  /** All payments decided by a model. */
  readonly rows: readonly LivedRow[];
  readonly days: number;
  /**
   * Savings on a third of these days by bands proposed from the other two, as a share of the best savings in hindsight:
   * the lowest of the three.
   */
  readonly bandsShareOfBest: number;
}

/** Lets a bank decide with one model after another, each trained on the labels that the bank's decisions allow. */
export async function rehearseExploration(options: RehearsalOptions): Promise<RehearsedBank> {
  const { seed, explores, generations, folder, onProgress } = options;
  const spec = currentFeatureSpec();
  const simulation = { ...BANK, seed };
  const world = new LiveWorld(simulation, spec, bankPolicy(spec, seed, explores));
  const params = join(folder, "params.json");
  await mkdir(folder, { recursive: true });
  await writeFile(params, JSON.stringify({ ...JSON.parse(await readFile(PARAMS_FILE, "utf8")), ...TREES }));
  let cutoffMs = simulation.startMs + DAYS.beforeModel * DAY_MS;
  let rows = world.live(cutoffMs, undefined);
  let model: Models | undefined;
  const decided: LivedRow[] = [];
  for (let generation = 1; generation <= generations; generation += 1) {
    const isLast = generation === generations;
    const learnt = rows.filter(({ payment }) => payment.occurredAtMs >= cutoffMs - DAYS.learnt * DAY_MS);
    rows = learnt;
    model = await learn(learnt, { spec, cutoffMs, folder: join(folder, `${generation}`), params, withOracle: isLast });
    const untilMs = cutoffMs + (isLast ? DAYS.measured : DAYS.generation) * DAY_MS;
    const lived = world.live(untilMs, model.own);
    onProgress?.(`generation ${generation}: ${describe(lived)}`);
    decided.push(...lived);
    rows = [...rows, ...lived];
    cutoffMs = untilMs;
    if (!isLast) continue;
    const days = (untilMs - simulation.startMs) / DAY_MS - DAYS.beforeModel;
    const bandsShareOfBest = await proposeBands(lived, spec, join(folder, `${generation}`));
    return { ...measure(lived, model), rows: decided, days, bandsShareOfBest };
  }
  throw new RangeError("At least one generation is needed.");
}

interface Models {
  readonly own: Score;
  readonly oracle: Score | undefined;
}

interface Learning {
  readonly spec: FeatureSpec;
  readonly cutoffMs: number;
  readonly folder: string;
  readonly params: string;
  readonly withOracle: boolean;
}

async function learn(rows: readonly LivedRow[], learning: Learning): Promise<Models> {
  const { spec, cutoffMs, folder, withOracle } = learning;
  await mkdir(folder, { recursive: true });
  const { known, complete } = await writeRows(rows, spec, cutoffMs, folder);
  const own = await train(known, "own", learning);
  const oracle = withOracle ? await train(complete, "oracle", learning) : undefined;
  if (!withOracle) await rm(folder, { recursive: true });
  return { own, oracle };
}

async function train(features: string, name: string, { spec, cutoffMs, folder, params }: Learning): Promise<Score> {
  const url = pathToFileURL(join(folder, name)).href;
  const profiles = spec.features.flatMap((feature) => (feature.kind === "profile" ? [feature.name] : []));
  const at = (ms: number): string => new Date(ms).toISOString();
  await runPython("tripline_training.train", [
    ...["--features", features, "--feature-spec", SPEC_FILE, "--registry", url, "--name", MODEL_NAME],
    ...["--alias", "champion", "--params", params, "--constant-online", profiles.join(",")],
    ...["--train-from", at(cutoffMs - DAYS.learnt * DAY_MS), "--train-to", at(cutoffMs), "--known-by", at(cutoffMs)],
  ]);
  const { modelBytes, manifest } = await openRegistry(url).resolve(MODEL_NAME, "champion");
  const planned = planScorer(modelBytes, { input: manifest.input.name, output: manifest.output.name });
  const scorer = new TreeScorer(planned.plan);
  const [row, score] = [new Float32Array(scorer.width), new Float32Array(1)];
  return (values) => {
    row.set(values);
    scorer.score(row, 1, score);
    return score[0] ?? 0;
  };
}

/** Only payments in the first currency, because costs are in one currency. */
async function proposeBands(rows: readonly LivedRow[], spec: FeatureSpec, folder: string): Promise<number> {
  const inEuro = rows.filter(({ payment }) => payment.currency === "EUR");
  const features = await writeTruth(inEuro, spec, folder);
  const [costs, json] = [join(folder, "costs.yaml"), join(folder, "bands.json")];
  await writeFile(costs, JSON.stringify(COSTS));
  const [first, last] = [inEuro[0], inEuro.at(-1)].map((row) => row?.payment.occurredAtMs ?? 0) as [number, number];
  await runPython("tripline_training.propose_bands", [
    ...["--features", features, "--feature-spec", SPEC_FILE, "--registry", pathToFileURL(join(folder, "own")).href],
    ...["--name", MODEL_NAME, "--costs", costs, "--folds", "3", "--json", json],
    ...["--from", new Date(first).toISOString(), "--to", new Date(last + 1).toISOString()],
  ]);
  const { folds } = proposal.parse(JSON.parse(await readFile(json, "utf8")));
  return Math.min(...folds.map((fold) => fold.share_of_best));
}

const proposal = z.object({ folds: z.array(z.object({ share_of_best: z.number() })) });

function measure(rows: readonly LivedRow[], models: Models): Pick<RehearsedBank, "averagePrecision" | "oracle"> {
  const truth = rows.map(({ payment }) => payment.fraud);
  const precisionOf = (score: Score) =>
    averagePrecision(
      rows.map(({ values }) => score([...values])),
      truth,
    );
  const { own, oracle = own } = models;
  return { averagePrecision: precisionOf(own), oracle: precisionOf(oracle) };
}

function describe(rows: readonly LivedRow[]): string {
  const count = (is: (row: LivedRow) => boolean): number => rows.filter(is).length;
  const frauds = count(({ payment }) => payment.fraud);
  const declined = count(({ payment }) => payment.fate === "declined");
  const caught = count(({ payment }) => payment.fraud && payment.fate === "declined");
  const ap = averagePrecision(
    rows.map(({ score = 0 }) => score),
    rows.map(({ payment }) => payment.fraud),
  );
  return `${rows.length} payments, ${frauds} frauds, ${declined} declined (${caught} frauds), ${count(({ isExplored }) => isExplored)} explored, AP ${ap.toFixed(3)}`;
}
