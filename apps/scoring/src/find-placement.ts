import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { z } from "zod";
import type { ExecutionProvider } from "./execution-providers.js";
import { PROFILE_NAMES } from "./execution-providers.js";
import type { WorkerLoad } from "./worker-messages.js";

const profileEvents = z.array(z.object({ args: z.object({ provider: z.string().optional() }).optional() }));

/** Opens a model on the given providers; a profile is written where a prefix for its path is given. */
export function createSession(
  load: WorkerLoad,
  providers: readonly ExecutionProvider[],
  profilePrefix?: string,
): Promise<InferenceSession> {
  return InferenceSession.create(load.modelBytes, {
    executionProviders: [...providers],
    // Parallelism comes from whole batches on several threads; threads inside one run would only compete with them.
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  });
}

/**
 * Which providers really run nodes of the model. A provider that loads still leaves to the CPU every operator for which
 * it has no kernel, and only a profile tells.
 */
export async function findPlacement(load: WorkerLoad): Promise<ExecutionProvider[]> {
  const directory = await mkdtemp(join(tmpdir(), "tripline-placement-"));
  try {
    const session = await createSession(load, load.providers, join(directory, "profile"));
    await session.run({ [load.inputName]: new Tensor("float32", new Float32Array(load.width), [1, load.width]) });
    session.endProfiling();
    await session.release();
    const [profile] = await readdir(directory);
    if (profile === undefined) throw new Error("onnxruntime wrote no profile");
    const events = profileEvents.parse(JSON.parse(await readFile(join(directory, profile), "utf8")));
    const used = new Set(events.map((event) => event.args?.provider));
    // The CPU provider is always there, asked for or not.
    const candidates = load.providers.includes("cpu") ? load.providers : [...load.providers, "cpu" as const];
    return candidates.filter((provider) => used.has(PROFILE_NAMES[provider]));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
