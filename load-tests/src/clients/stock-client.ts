import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findProgram } from "@tripline/local-stack/processes/find-program";
import type { GoldenBatch } from "@tripline/model-registry/model-manifest";
import type { ModelVersion } from "@tripline/model-registry/model-registry";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { BenchError } from "../harness/bench-error.js";

/** A whole system on this machine, which the tools use. */
export interface AskedSystem {
  readonly system: RunningSystem;
  /** Address of scoring's gRPC port, `host:port`. */
  readonly scoringAddress: string;
  readonly scoringUrl: string;
  readonly champion: ModelVersion;
  /** Folder for files of the tools. */
  readonly folder: string;
  /** The caller's environment, without the services' settings for a collector. */
  readonly environment: NodeJS.ProcessEnv;
  /** Credentials of a client that sends payments, as environment variables of `npm run load`. */
  readonly credentials: Readonly<Record<string, string>>;
}

export interface FoundTool {
  readonly path: string;
  readonly version: string;
}

export interface Outcome {
  readonly asked: string;
  /** Why the check failed; absent if it passed. */
  readonly fault?: string;
}

/** A third-party tool that users run with Tripline. */
export interface StockClient {
  readonly tool: string;
  /** @throws BenchError in one sentence if the tool is not installed */
  find(environment: NodeJS.ProcessEnv): Promise<FoundTool>;
  request(found: FoundTool, asked: AskedSystem): Promise<Outcome[]>;
}

/** Maximum difference from the score that was published with the model. */
export const DIFFERENCE_MAX = 1e-5;
const RUN_MS_MAX = 120_000;
const OUTPUT_BYTES_MAX = 64 * 1_024 * 1_024;
const FAULT_CHARACTERS_MAX = 400;

const execute = promisify(execFile);

/** Runs `work` and returns a row of the table that says whether it ended without an error. */
export async function attempt(asked: string, work: () => Promise<void> | void): Promise<Outcome> {
  try {
    await work();
    return { asked };
  } catch (error) {
    const text = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ").trim();
    // Most messages start with the action and end with the cause, so keep both ends.
    const isLong = text.length > FAULT_CHARACTERS_MAX;
    const half = FAULT_CHARACTERS_MAX / 2;
    return { asked, fault: isLong ? `${text.slice(0, half)} … ${text.slice(-half)}` : text };
  }
}

/** @throws Error with the difference, unless both are equal as JSON */
export function expectSame(what: string, actual: unknown, expected: unknown): void {
  const [is, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== wanted) throw new Error(`${what}: ${is}, expected ${wanted}`);
}

/** @throws Error unless they are the scores of the golden batch */
export function expectScores(scores: readonly number[], golden: GoldenBatch): void {
  expectSame("number of scores", scores.length, golden.outputs.length);
  const apart = Math.max(...scores.map((score, row) => Math.abs(score - (golden.outputs[row] ?? Number.NaN))));
  if (!(apart <= DIFFERENCE_MAX)) throw new Error(`a score differs by ${apart} from the golden batch`);
}

/**
 * Finds a tool on the PATH, or at the path in a variable such as `GRPCURL_BIN`.
 *
 * @param version arguments that make it print its version
 * @throws BenchError in one sentence if it is not found
 */
export async function findTool(
  environment: NodeJS.ProcessEnv,
  { variable, names, version }: { readonly variable: string; readonly names: readonly string[]; version: string },
): Promise<FoundTool> {
  const path = environment[variable] || (await findProgram(names, environment.PATH));
  if (path === undefined) throw new BenchError(`${names.join(" or ")} is not on the PATH, and ${variable} is not set`);
  // Some tools print their version on standard error.
  const output = await execute(path, [version], { timeout: RUN_MS_MAX }).catch(() => {
    throw new BenchError(`${path} cannot be run`);
  });
  const number = /\bv?(\d+\.\d+\.\d+\S*)/.exec(`${output.stdout}${output.stderr}`)?.[1];
  return { path, version: number ?? "unknown" };
}

export interface ToolRun {
  readonly input?: string;
  /** Default: the environment of this process. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** @returns standard output. @throws Error with the tool's output if it fails */
export async function runTool(
  path: string,
  args: readonly string[],
  { input, environment, cwd }: ToolRun = {},
): Promise<string> {
  const running = execute(path, [...args], {
    timeout: RUN_MS_MAX,
    maxBuffer: OUTPUT_BYTES_MAX,
    ...(environment === undefined ? {} : { env: environment }),
    ...(cwd === undefined ? {} : { cwd }),
  });
  // A program that does not read its input may end before all of it is written.
  running.child.stdin?.on("error", () => undefined).end(input ?? "");
  const { stdout } = await running.catch((error: Error & { stdout?: string; stderr?: string }) => {
    throw new Error(`${error.stdout ?? ""}${error.stderr ?? ""}`.slice(-FAULT_CHARACTERS_MAX) || error.message);
  });
  return stdout;
}
