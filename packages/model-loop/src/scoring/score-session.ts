import { TriplineError } from "@tripline/contracts/error-table";
import type { ModelManifest } from "@tripline/model-registry/model-manifest";
import { proveScorer } from "@tripline/tree-inference/prove-scorer";
import { ScorerError } from "@tripline/tree-inference/scorer-error";
import { planScorer, TreeScorer } from "@tripline/tree-inference/tree-scorer";
import { env, InferenceSession, Tensor } from "onnxruntime-node";

/** The only file of this package that uses onnxruntime. */

// Warnings concern graph optimisation; operators cannot fix them.
env.logLevel = "error";

/** The parts of a model that a session needs. */
export interface SessionModel {
  readonly modelBytes: Uint8Array;
  readonly manifest: Pick<ModelManifest, "name" | "version" | "input" | "output">;
}

type Run = (features: Float32Array<ArrayBuffer>, rows: number) => Promise<Float32Array>;

/** A model on one core, as in the scoring service, so that results do not depend on other load. */
export class ScoreSession {
  private constructor(
    private readonly runModel: Run,
    private readonly manifest: SessionModel["manifest"],
  ) {}

  /** @throws TriplineError `model-refused` if the file is not a model, or does not match its manifest */
  static async open({ modelBytes, manifest }: SessionModel): Promise<ScoreSession> {
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(modelBytes, {
        executionProviders: ["cpu"],
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
      });
    } catch (error) {
      throw refused(manifest, `onnxruntime cannot load it: ${error instanceof Error ? error.message.trim() : error}`);
    }
    if (session.inputNames.join() !== manifest.input.name || !session.outputNames.includes(manifest.output.name)) {
      const found = `${session.inputNames.join(", ")} and returns ${session.outputNames.join(", ")}`;
      throw refused(
        manifest,
        `it takes ${found}, but its manifest specifies ${manifest.input.name} and ${manifest.output.name}`,
      );
    }
    const run: Run = (features, rows) => runSession(session, manifest, features, rows);
    const trees = await openTrees(modelBytes, manifest, run);
    if (trees !== undefined) await session.release();
    return new ScoreSession(trees ?? run, manifest);
  }

  /**
   * @param features row-major, each row as wide as the model's input
   * @returns one probability per row
   * @throws TriplineError `model-refused` if the model returns anything else
   */
  async run(features: Float32Array<ArrayBuffer>, rows: number): Promise<Float32Array> {
    const scores = await this.runModel(features, rows);
    const wrong = scores.findIndex((score) => !(score >= 0 && score <= 1));
    if (wrong !== -1) throw refused(this.manifest, `it returns ${scores[wrong]}, which is not a probability`);
    return scores;
  }
}

/** @throws TriplineError `model-refused` if it does not return one number per row */
async function runSession(
  session: InferenceSession,
  manifest: SessionModel["manifest"],
  features: Float32Array<ArrayBuffer>,
  rows: number,
): Promise<Float32Array> {
  const { input, output } = manifest;
  const tensor = new Tensor("float32", features, [rows, input.shape[1]]);
  const outputs = await session.run({ [input.name]: tensor }, [output.name]).catch((error: unknown) => {
    throw refused(manifest, `it fails to run: ${error instanceof Error ? error.message.trim() : error}`);
  });
  const { data } = outputs[output.name] ?? {};
  if (data instanceof Float32Array && data.length === rows) return data;
  throw refused(manifest, `it does not return one float32 per row as "${output.name}"`);
}

/** A tree model gets a much faster implementation with identical results; undefined for other models. */
async function openTrees(
  modelBytes: Uint8Array,
  { input, output }: SessionModel["manifest"],
  ask: Run,
): Promise<Run | undefined> {
  try {
    const planned = planScorer(modelBytes, { input: input.name, output: output.name });
    const scorer = new TreeScorer(await proveScorer(planned, new Float32Array(), ask));
    return async (features, rows) => {
      const scores = new Float32Array(rows);
      scorer.score(features, rows, scores);
      return scores;
    };
  } catch (error) {
    if (error instanceof ScorerError) return undefined;
    throw error;
  }
}

function refused({ name, version }: SessionModel["manifest"], reason: string): TriplineError {
  return new TriplineError("model-refused", `Model ${name} ${version} was rejected: ${reason}.`);
}
