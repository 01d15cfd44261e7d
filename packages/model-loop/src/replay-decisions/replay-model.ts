import { ShapError } from "@tripline/tree-shap/shap-error";
import { TreeExplainer } from "@tripline/tree-shap/tree-explainer";
import type { SessionModel } from "../scoring/score-session.js";
import { ScoreSession } from "../scoring/score-session.js";

type Rows = readonly (readonly number[])[];

/** A model that scores and explains in the same way as the scoring service, in this thread. */
export class ReplayModel {
  private constructor(
    readonly name: string,
    readonly version: string,
    private readonly session: ScoreSession,
    private readonly explainer: TreeExplainer | undefined,
  ) {}

  /** @throws TriplineError `model-refused` */
  static async open(model: SessionModel): Promise<ReplayModel> {
    const { name, version } = model.manifest;
    return new ReplayModel(name, version, await ScoreSession.open(model), openExplainer(model));
  }

  /** One probability per row, float32. @throws TriplineError `model-refused` */
  score(rows: Rows): Promise<Float32Array> {
    return this.session.run(matrix(rows), rows.length);
  }

  /** One contribution per row and feature; undefined if the model provides none. */
  explain(rows: Rows): Rows | undefined {
    if (this.explainer === undefined) return undefined;
    const { features } = this.explainer;
    const found = new Float32Array(rows.length * features);
    this.explainer.explain(matrix(rows), rows.length, found);
    return rows.map((_, row) => [...found.subarray(row * features, (row + 1) * features)]);
  }
}

function openExplainer({ modelBytes, manifest }: SessionModel): TreeExplainer | undefined {
  try {
    const explainer = TreeExplainer.fromOnnx(modelBytes, { input: manifest.input.name });
    return explainer.features === manifest.input.shape[1] ? explainer : undefined;
  } catch (error) {
    if (error instanceof ShapError) return undefined;
    throw error;
  }
}

/** The format that the scoring service receives: float32, row-major. */
function matrix(rows: Rows): Float32Array<ArrayBuffer> {
  const width = rows[0]?.length ?? 0;
  const values = new Float32Array(rows.length * width);
  rows.forEach((row, index) => {
    values.set(row, index * width);
  });
  return values;
}
