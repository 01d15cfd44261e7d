import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";
import { logsFolder, PACKAGE_ROOT, toolsFolder } from "../locate-tools.js";
import { holdLock } from "../processes/hold-lock.js";
import { runCommand } from "../processes/run-command.js";

const UV_REQUIREMENTS = `${PACKAGE_ROOT}/uv-requirements.txt`;
const INSTALL_MS_MAX = 10 * 60_000;
const BYTECODE = "bytecode";

/** In this order: first the user's `python3`, then the versions for which most packages have wheels. */
const INTERPRETERS = ["python3", "python3.13", "python3.12", "python3.11", "python3.14"];

export interface PythonEnvironment {
  /** The environment is in `.tripline/tools/<name>-venv`. */
  readonly name: string;
  /** A file created by `uv pip compile --generate-hashes`. */
  readonly requirementsFile: string;
  /** The repository's root. */
  readonly root: string;
}

/** The environment for training models. */
export const trainingEnvironment = (root: string): PythonEnvironment => ({
  name: "training",
  requirementsFile: join(root, "training", "requirements", "training.txt"),
  root,
});

/** Whether `provisionPython` has nothing to do. */
export function isPythonProvisioned({ name, requirementsFile, root }: PythonEnvironment): boolean {
  const marker = markerOf(`${toolsFolder(root)}/${name}-venv`);
  return existsSync(marker) && readFileSync(marker, "utf8") === hashOf(requirementsFile);
}

/**
 * Creates a Python environment with exactly the packages of the requirements file, verified by hash. Does nothing if
 * this version of the file is already installed. Returns the path of its interpreter.
 */
export async function provisionPython(environment: PythonEnvironment): Promise<{ python: string }> {
  const { name, requirementsFile, root } = environment;
  const folder = `${toolsFolder(root)}/${name}-venv`;
  const python = `${folder}/bin/python`;
  if (isPythonProvisioned(environment)) return { python };
  await holdLock(`${folder}.lock`, async () => {
    if (isPythonProvisioned(environment)) return;
    const uv = await provisionUv(root);
    const logFile = `${logsFolder(root)}/install-python-${name}.log`;
    const settings = { logFile, timeoutMs: INSTALL_MS_MAX, environment: { UV_PYTHON_DOWNLOADS: "never" } };
    rmSync(markerOf(folder), { force: true });
    // Deletes the bytecode, because Python would consider it valid for a new source file with the same size and time.
    rmSync(`${folder}/${BYTECODE}`, { recursive: true, force: true });
    await runCommand({
      command: uv,
      args: ["venv", "--allow-existing", "--python", findPython(), folder],
      purpose: `create the Python environment ${name}`,
      ...settings,
    });
    await runCommand({
      command: uv,
      args: ["pip", "sync", "--require-hashes", "--python", python, requirementsFile],
      purpose: `install the Python packages of ${name}`,
      ...settings,
    });
    writeFileSync(markerOf(folder), hashOf(requirementsFile));
  });
  return { python };
}

/**
 * Environment variables for an interpreter from `provisionPython`, which make it store its bytecode in its environment
 * instead of next to the sources. Otherwise, each start would recompile all imports: 3 s of CPU time for training, and
 * more for Feast and MLflow.
 */
export function keepBytecode(python: string): Readonly<Record<string, string>> {
  return { PYTHONPYCACHEPREFIX: join(dirname(dirname(python)), BYTECODE), PYTHONDONTWRITEBYTECODE: "" };
}

/** Installs uv itself, verified by hash, into a separate environment. Returns the path of the program. */
async function provisionUv(root: string): Promise<string> {
  const folder = `${toolsFolder(root)}/uv`;
  const uv = `${folder}/bin/uv`;
  const isDone = () =>
    existsSync(markerOf(folder)) && readFileSync(markerOf(folder), "utf8") === hashOf(UV_REQUIREMENTS);
  if (isDone()) return uv;
  await holdLock(`${folder}.lock`, async () => {
    if (isDone()) return;
    rmSync(folder, { recursive: true, force: true });
    const settings = { purpose: "install uv", timeoutMs: INSTALL_MS_MAX };
    const logFile = `${logsFolder(root)}/install-uv.log`;
    await runCommand({ command: findPython(), args: ["-m", "venv", folder], logFile, ...settings });
    const args = ["-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", UV_REQUIREMENTS];
    await runCommand({ command: `${folder}/bin/python`, args, logFile, ...settings });
    writeFileSync(markerOf(folder), hashOf(UV_REQUIREMENTS));
  });
  return uv;
}

function findPython(): string {
  for (const interpreter of INTERPRETERS) {
    try {
      const script = "import sys; print(sys.executable if sys.version_info >= (3, 11) else '')";
      const path = execFileSync(interpreter, ["-c", script], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
      if (path.trim() !== "") return path.trim();
    } catch {
      // Not found: try the next one.
    }
  }
  throw new TriplineError("internal", "Python 3.11 or newer was not found on the PATH. Install it and try again.");
}

const markerOf = (folder: string) => `${folder}/.requirements-sha256`;

const hashOf = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");
