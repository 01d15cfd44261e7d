import { Worker } from "node:worker_threads";
import { TriplineError } from "@tripline/contracts/error-table";
import type { LoadedModel, WorkerLoad, WorkerReply, WorkerRequest } from "./worker-messages.js";
import { readReply } from "./worker-messages.js";

/** A load or run that takes longer is considered hung. */
const LOAD_MS_MAX = 60_000;
const RUN_MS_MAX = 10_000;
/** Time that a thread may take to release its session before it is terminated. */
const CLOSE_MS_MAX = 2_000;

export interface RunResult {
  /** The model's output, one value per row. */
  readonly outputs: Float32Array;
  /** Duration of the run inside the model, in milliseconds. */
  readonly durationMs: number;
  /** One value per feature of each row, if requested. */
  readonly contributions?: Float32Array | undefined;
  /** Duration of the contributions, in milliseconds. */
  readonly explanationMs?: number;
  /** The new provider, if the model moved because its provider ran out of memory. */
  readonly moved?: Pick<LoadedModel, "providers" | "unavailable"> | undefined;
}

interface PendingReply {
  settle(reply: WorkerReply): void;
  fail(error: TriplineError): void;
}

/** The service's handle of an inference thread, which does one thing at a time. */
export class InferenceWorker {
  private pending: PendingReply | undefined;
  private broken: TriplineError | undefined;
  private readonly ended: Promise<void>;

  private constructor(private readonly worker: Worker) {
    this.ended = new Promise((resolve) => {
      worker.once("exit", (code) => {
        this.breakWith(`An inference thread exited with code ${code}.`);
        resolve();
      });
    });
    worker.on("error", (error) => this.breakWith(`An inference thread failed: ${String(error)}.`));
    worker.on("messageerror", (error) => this.breakWith(`An inference thread sent an unreadable message: ${error}.`));
    worker.on("message", (message: unknown) => {
      const reply = readReply(message);
      if (reply !== undefined) this.pending?.settle(reply);
      else this.breakWith("An inference thread sent an unreadable message.");
    });
  }

  /**
   * Starts a thread and loads a model on it.
   *
   * @throws TriplineError `model-refused` if the bytes are not a model, `config-invalid` if an execution provider is
   *   missing, `scoring-unavailable` if the thread died.
   */
  static async start(load: WorkerLoad): Promise<{ worker: InferenceWorker; loaded: LoadedModel }> {
    const body = new URL("./inference-thread.js", import.meta.url);
    const worker = new InferenceWorker(new Worker(body, { workerData: load, name: "inference" }));
    const reply = await worker.nextReply(LOAD_MS_MAX, "load a model");
    if (reply.kind === "loaded") return { worker, loaded: reply };
    await worker.close();
    const reason = reply.kind === "load-failed" ? reply.reason : "the thread sent an unexpected response";
    if (reply.kind === "load-failed" && reply.fault === "provider") {
      throw new TriplineError("config-invalid", `EXECUTION_PROVIDERS cannot be satisfied: ${reason}.`);
    }
    const isTwin = reply.kind === "load-failed" && reply.fault === "twin";
    const what = isTwin ? "The model was rejected" : "onnxruntime cannot load the model";
    throw new TriplineError("model-refused", `${what}: ${reason}.`);
  }

  /** The reason why this thread can no longer run; undefined while it can. */
  get failure(): TriplineError | undefined {
    return this.broken;
  }

  /**
   * Runs the model once.
   *
   * @param features row-major, `rows` rows; its buffer is transferred and is empty afterwards
   * @param isExplained whether to compute contributions as well
   * @throws TriplineError `internal` if the run failed, `scoring-unavailable` if the thread has ended or hangs
   */
  async run(features: Float32Array<ArrayBuffer>, rows: number, isExplained = false): Promise<RunResult> {
    const reply = await this.nextReply(RUN_MS_MAX, "run the model", () =>
      this.post({ kind: "run", rows, features, isExplained }, [features.buffer]),
    );
    if (reply.kind !== "ran") {
      const reason = reply.kind === "run-failed" ? reply.reason : "the thread sent an unexpected response";
      throw new TriplineError("internal", `The model could not be run: ${reason}.`);
    }
    const [first, ...rest] = reply.shape;
    if (first !== rows || rest.length !== 1 || rest[0] !== 1 || reply.outputs.length !== rows) {
      throw new TriplineError("internal", `The model's output has shape [${reply.shape}], not [${rows},1].`);
    }
    const { outputs, durationMs, contributions, explanationMs, moved } = reply;
    if (isExplained && contributions === undefined) {
      throw new TriplineError("internal", "The model returned no contributions.");
    }
    return { outputs, durationMs, contributions, explanationMs, moved };
  }

  /** Asks the thread to release its session and end, and terminates it after two seconds. A run in progress fails. */
  async close(): Promise<void> {
    this.breakWith("The inference thread is closed.");
    this.post({ kind: "close" }, []);
    const timer = setTimeout(() => void this.worker.terminate(), CLOSE_MS_MAX);
    await this.ended;
    clearTimeout(timer);
  }

  private post(request: WorkerRequest, transfer: ArrayBuffer[]): void {
    this.worker.postMessage(request, transfer);
  }

  private nextReply(timeoutMs: number, what: string, ask?: () => void): Promise<WorkerReply> {
    return new Promise((resolve, reject) => {
      if (this.broken !== undefined) return reject(this.broken);
      if (this.pending !== undefined) {
        return reject(new TriplineError("internal", "An inference thread received two runs at once."));
      }
      const timer = setTimeout(() => {
        this.breakWith(`An inference thread took over ${timeoutMs} ms to ${what}.`);
        void this.worker.terminate();
      }, timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        this.pending = undefined;
      };
      this.pending = {
        settle(reply) {
          done();
          resolve(reply);
        },
        fail(error) {
          done();
          reject(error);
        },
      };
      ask?.();
    });
  }

  private breakWith(sentence: string): void {
    this.broken ??= new TriplineError("scoring-unavailable", sentence);
    this.pending?.fail(this.broken);
  }
}
