import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { ModelManifest } from "@tripline/model-registry/model-manifest";
import type { ModelVersion } from "@tripline/model-registry/model-registry";
import type { RunResult } from "../inference/inference-worker.js";
import { InferenceWorker } from "../inference/inference-worker.js";
import { InlineRuns } from "../inference/inline-runs.js";
import type { BatchRunner } from "../inference/request-batcher.js";
import type { LoadedModel } from "../inference/worker-messages.js";
import { checkGolden, checkSignature, goldenFeatures } from "./check-model.js";
import type { ExecutionProvider } from "./execution-providers.js";

export interface SessionOptions {
  /** Threads, each with its own copy of the model. */
  readonly workers: number;
  readonly providers: readonly ExecutionProvider[];
  readonly requireGpu: boolean;
  /** Whether to prepare for contributions, if the model can be explained. */
  readonly isExplained: boolean;
  /** Called with the new providers when a provider had no memory for a run. */
  onMoved?(moved: Moved): void;
}

export type Moved = NonNullable<RunResult["moved"]>;

type StartedWorker = Awaited<ReturnType<typeof InferenceWorker.start>>;

/** One version of a model, loaded and checked on all of its threads. */
export class ModelSession implements BatchRunner {
  readonly inline: InlineRuns | undefined;
  private readonly idle: InferenceWorker[];

  private constructor(
    readonly manifest: ModelManifest,
    private readonly workers: readonly InferenceWorker[],
    private loaded: LoadedModel,
    private readonly onMoved: (moved: Moved) => void,
  ) {
    this.idle = [...workers];
    this.inline = loaded.plan === undefined ? undefined : InlineRuns.of(loaded.plan);
  }

  /**
   * Loads a model and compares its tensors with the manifest. The comparison with the golden batch also warms it up.
   *
   * @throws TriplineError `model-refused` if it fails a check, `config-invalid` if a required provider is missing,
   *   `scoring-unavailable` if a thread died
   */
  static async open(model: ModelVersion, options: SessionOptions): Promise<ModelSession> {
    const { manifest, golden } = model;
    const load = {
      modelBytes: model.modelBytes,
      twinBytes: model.twinBytes,
      inputName: manifest.input.name,
      width: manifest.input.shape[1],
      outputName: manifest.output.name,
      providers: [...options.providers],
      requireGpu: options.requireGpu,
      golden: goldenFeatures(golden),
      isExplained: options.isExplained,
    };
    const starts = await Promise.allSettled(Array.from({ length: options.workers }, () => InferenceWorker.start(load)));
    const started = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
    try {
      for (const start of starts) if (start.status === "rejected") throw asTriplineError(start.reason);
      for (const one of started) await checkWorker(one, model);
      const [first] = started;
      if (first === undefined) throw new TriplineError("internal", "A session needs at least one worker.");
      return new ModelSession(
        manifest,
        started.map((one) => one.worker),
        first.loaded,
        (moved) => options.onMoved?.(moved),
      );
    } catch (error) {
      await Promise.all(started.map((one) => one.worker.close()));
      throw error;
    }
  }

  /** Providers that run at least one node of the model. */
  get providers(): readonly ExecutionProvider[] {
    return this.loaded.providers;
  }

  /** Requested providers that are not available, with the reason. */
  get unavailable(): LoadedModel["unavailable"] {
    return this.loaded.unavailable;
  }

  /** The reason why contributions are unavailable; undefined if they are available. */
  get unexplained(): string | undefined {
    return this.loaded.unexplained;
  }

  get parallelRunsMax(): number {
    return this.workers.length;
  }

  /** The failure of the first broken thread; undefined if all threads work. */
  get failure(): TriplineError | undefined {
    return this.workers.find((worker) => worker.failure !== undefined)?.failure;
  }

  async run(features: Float32Array<ArrayBuffer>, rows: number, isExplained = false): Promise<RunResult> {
    const worker = this.idle.pop();
    if (worker === undefined) throw new TriplineError("internal", "A run was started while all threads were busy.");
    try {
      const result = await worker.run(features, rows, isExplained);
      if (result.moved !== undefined) {
        this.loaded = { ...this.loaded, ...result.moved };
        this.onMoved(result.moved);
      }
      return result;
    } finally {
      // A broken thread goes to the bottom of the stack, so that it is used only if all others are busy.
      if (worker.failure === undefined) this.idle.push(worker);
      else this.idle.unshift(worker);
    }
  }

  /** Ends all threads; runs in progress fail. */
  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
  }
}

async function checkWorker({ worker, loaded }: StartedWorker, { manifest, golden }: ModelVersion): Promise<void> {
  checkSignature(loaded, manifest);
  const { outputs } = await refusing(manifest, () => worker.run(goldenFeatures(golden), golden.inputs.length));
  checkGolden(outputs, golden, manifest);
  // A row must get the same score alone as within a batch. Some converters write models for which this is not true.
  const one = { inputs: golden.inputs.slice(0, 1), outputs: golden.outputs.slice(0, 1) };
  checkGolden((await refusing(manifest, () => worker.run(goldenFeatures(one), 1))).outputs, one, manifest);
}

/** If a run fails during the checks, the model is at fault. */
async function refusing<T>(manifest: ModelManifest, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const { code, message } = asTriplineError(error);
    if (code !== "internal") throw error;
    throw new TriplineError("model-refused", `Model ${manifest.name} ${manifest.version} was rejected: ${message}`);
  }
}
