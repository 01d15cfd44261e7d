import { spawn } from "node:child_process";
import { join } from "node:path";
import { keepBytecode, provisionPython, trainingEnvironment } from "@tripline/local-stack/provision/provision-python";
import { ROOT } from "@tripline/system/services/workspace";

const TRAINING = join(ROOT, "training");
const OUTPUT_CHARACTERS_MAX = 1_000_000;

/** The interpreter of the training environment, which is installed if it is missing. */
export async function trainingPython(): Promise<string> {
  const { python } = await provisionPython(trainingEnvironment(ROOT));
  return python;
}

export interface PythonRun {
  /** Default: the Python interpreter of the training environment. */
  readonly interpreter?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Nonzero exit codes that are outcomes rather than failures. */
  readonly outcomes?: readonly number[];
  /** Called with standard output as it arrives. */
  readonly onOutput?: (text: string) => void;
  /** Called with standard error as it arrives. */
  readonly onError?: (text: string) => void;
  /** Terminates the program. */
  readonly signal?: AbortSignal;
}

export interface PythonResult {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs a module of the training package.
 *
 * @returns its output
 * @throws Error with the last lines of its output if it fails
 */
export async function runPython(module: string, args: readonly string[]): Promise<string> {
  return (await runPythonModule(module, args)).output;
}

/** Runs a module with meaningful exit codes. Throws like `runPython`. */
export async function runPythonModule(
  module: string,
  args: readonly string[],
  { interpreter, env, outcomes = [], onOutput, onError, signal }: PythonRun = {},
): Promise<PythonResult> {
  const python = interpreter ?? (await trainingPython());
  const child = spawn(python, ["-m", module, ...args], {
    cwd: TRAINING,
    env: { ...process.env, ...env, ...keepBytecode(python), PYTHONPATH: TRAINING },
    stdio: ["ignore", "pipe", "pipe"],
    ...(signal === undefined ? {} : { signal }),
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-OUTPUT_CHARACTERS_MAX);
    onOutput?.(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-OUTPUT_CHARACTERS_MAX);
    onError?.(text);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code === null || (code !== 0 && !outcomes.includes(code))) {
    throw new Error(`${module} failed:\n${lastLines(output + errors, 12)}`);
  }
  return { code, output };
}

function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
