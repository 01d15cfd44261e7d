import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { z } from "zod";
import type { OnnxProvider } from "./execution-providers.js";
import { PROFILE_NAMES } from "./execution-providers.js";

/** A model and its input. */
export interface OnnxModel {
  readonly modelBytes: Uint8Array;
  readonly inputName: string;
  /** Columns of the input. */
  readonly width: number;
}

/** The providers that run a model's nodes. */
export interface Placement {
  /** Providers that run at least one node, in order of preference. */
  readonly providers: readonly OnnxProvider[];
  /** Operators that process rows, by the provider that runs them. Excludes operators on shapes and sizes. */
  readonly heavy: Readonly<Partial<Record<OnnxProvider, readonly string[]>>>;
}

/** A prime, so that a dimension of this size must be the rows. */
const ROWS = 61;

const profileEvents = z.array(
  z.object({
    args: z
      .object({
        provider: z.string().optional(),
        op_name: z.string().optional(),
        output_type_shape: z.array(z.record(z.string(), z.array(z.number()))).optional(),
      })
      .optional(),
  }),
);

/** Opens a model on the given providers. Writes a profile if a path prefix for it is given. */
export function createSession(
  model: Pick<OnnxModel, "modelBytes">,
  providers: readonly OnnxProvider[],
  profilePrefix?: string,
): Promise<InferenceSession> {
  return InferenceSession.create(model.modelBytes, {
    executionProviders: [...providers],
    // Batches run in parallel on several threads, with which additional threads within a run would compete.
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  });
}

/**
 * Finds out which providers actually run the model's nodes. Operators without a kernel in a provider run on the CPU,
 * which only a profile shows.
 */
export async function findPlacement(model: OnnxModel, asked: readonly OnnxProvider[]): Promise<Placement> {
  const directory = await mkdtemp(join(tmpdir(), "tripline-placement-"));
  try {
    const session = await createSession(model, asked, join(directory, "profile"));
    const input = new Tensor("float32", new Float32Array(ROWS * model.width), [ROWS, model.width]);
    await session.run({ [model.inputName]: input });
    session.endProfiling();
    await session.release();
    const [profile] = await readdir(directory);
    if (profile === undefined) throw new Error("onnxruntime did not write a profile");
    const events = profileEvents.parse(JSON.parse(await readFile(join(directory, profile), "utf8")));
    // The CPU provider is always available, even if it was not requested.
    const candidates = asked.includes("cpu") ? asked : [...asked, "cpu" as const];
    const nodesOf = (provider: OnnxProvider) =>
      events.flatMap(({ args }) => (args?.provider === PROFILE_NAMES[provider] ? [args] : []));
    return {
      providers: candidates.filter((provider) => nodesOf(provider).length > 0),
      heavy: Object.fromEntries(
        candidates.map((provider) => [
          provider,
          [
            ...new Set(
              nodesOf(provider).flatMap(({ op_name = "", output_type_shape = [] }) =>
                hasRows(output_type_shape) ? [op_name] : [],
              ),
            ),
          ],
        ]),
      ),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function hasRows(outputs: readonly Readonly<Record<string, readonly number[]>>[]): boolean {
  return outputs.some((output) => Object.values(output).some((shape) => shape.includes(ROWS)));
}
