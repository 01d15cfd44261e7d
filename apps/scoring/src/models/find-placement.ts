import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { z } from "zod";
import type { OnnxProvider } from "./execution-providers.js";
import { PROFILE_NAMES } from "./execution-providers.js";

/** A model, and the tensors by which it is run. */
export interface OnnxModel {
  readonly modelBytes: Uint8Array;
  readonly inputName: string;
  /** Columns of the input. */
  readonly width: number;
}

const profileEvents = z.array(z.object({ args: z.object({ provider: z.string().optional() }).optional() }));

/** Opens a model on the given providers; a profile is written where a prefix for its path is given. */
export function createSession(
  model: Pick<OnnxModel, "modelBytes">,
  providers: readonly OnnxProvider[],
  profilePrefix?: string,
): Promise<InferenceSession> {
  return InferenceSession.create(model.modelBytes, {
    executionProviders: [...providers],
    // Parallelism comes from whole batches on several threads; threads inside one run would only compete with them.
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  });
}

/**
 * Which providers really run nodes of the model. A provider leaves every operator for which it has no kernel to the CPU,
 * and only a profile shows that.
 */
export async function findPlacement(model: OnnxModel, providers: readonly OnnxProvider[]): Promise<OnnxProvider[]> {
  const directory = await mkdtemp(join(tmpdir(), "tripline-placement-"));
  try {
    const session = await createSession(model, providers, join(directory, "profile"));
    await session.run({ [model.inputName]: new Tensor("float32", new Float32Array(model.width), [1, model.width]) });
    session.endProfiling();
    await session.release();
    const [profile] = await readdir(directory);
    if (profile === undefined) throw new Error("onnxruntime wrote no profile");
    const events = profileEvents.parse(JSON.parse(await readFile(join(directory, profile), "utf8")));
    const used = new Set(events.map((event) => event.args?.provider));
    // The CPU provider is always there, asked for or not.
    const candidates = providers.includes("cpu") ? providers : [...providers, "cpu" as const];
    return candidates.filter((provider) => used.has(PROFILE_NAMES[provider]));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
