import { TriplineError } from "@tripline/contracts/error-table";
import type { ModelManifest } from "@tripline/model-registry/model-manifest";
import { env, InferenceSession, Tensor } from "onnxruntime-node";

/** The one place of this program that knows onnxruntime. */

// Warnings are about graph optimisation and nothing that an operator could mend.
env.logLevel = "error";

/** What a session needs to know of a model. */
export interface SessionModel {
  readonly modelBytes: Uint8Array;
  readonly manifest: Pick<ModelManifest, "name" | "version" | "input" | "output">;
}

/** A model on one core, as the scoring service runs it: a run computes the same whatever else is going on. */
export class ScoreSession {
  private constructor(
    private readonly session: InferenceSession,
    private readonly manifest: SessionModel["manifest"],
  ) {}

  /** @throws TriplineError `model-refused` when the file is no model, or not the one that its manifest describes */
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
      const found = `${session.inputNames.join(", ")} and gives ${session.outputNames.join(", ")}`;
      throw refused(
        manifest,
        `it takes ${found}; its manifest says ${manifest.input.name} and ${manifest.output.name}`,
      );
    }
    return new ScoreSession(session, manifest);
  }

  /**
   * @param features rows one after the other, each as wide as the model's input
   * @returns a probability per row
   * @throws TriplineError `model-refused` when the model gives something else
   */
  async run(features: Float32Array<ArrayBuffer>, rows: number): Promise<Float32Array> {
    const { input, output } = this.manifest;
    const tensor = new Tensor("float32", features, [rows, input.shape[1]]);
    const outputs = await this.session.run({ [input.name]: tensor }, [output.name]).catch((error: unknown) => {
      throw refused(this.manifest, `it does not run: ${error instanceof Error ? error.message.trim() : error}`);
    });
    const result = outputs[output.name];
    if (result === undefined || !(result.data instanceof Float32Array) || result.data.length !== rows) {
      throw refused(this.manifest, `it does not give one float32 per row as "${output.name}"`);
    }
    const wrong = result.data.findIndex((score) => !(score >= 0 && score <= 1));
    if (wrong !== -1) throw refused(this.manifest, `it gives ${result.data[wrong]}, which is no probability`);
    return result.data;
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}

function refused({ name, version }: SessionModel["manifest"], reason: string): TriplineError {
  return new TriplineError("model-refused", `Model ${name} ${version} is refused: ${reason}.`);
}
