import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findProgram } from "@tripline/local-stack/processes/find-program";
import { BenchError } from "../../harness/bench-error.js";

const run = promisify(execFile);
const ANSWER_MS_MAX = 30_000;
/** The first version that runs TypeScript and writes the summary we read by default. */
const MAJOR_MIN = 2;
const HOW_TO_GET =
  "install it (https://grafana.com/docs/k6/latest/set-up/install-k6/), or set K6_BIN to the path of the program";

export interface K6 {
  readonly path: string;
  readonly version: string;
}

/**
 * The k6 in `K6_BIN`, otherwise the first one on the PATH. Tripline does not ship it, because of its licence, the AGPL.
 *
 * @throws BenchError if there is none, it does not run, or it is too old
 */
export async function findK6(environment: Readonly<Record<string, string | undefined>>): Promise<K6> {
  const named = environment.K6_BIN;
  const path = named === undefined || named === "" ? await findProgram(["k6"], environment.PATH) : named;
  if (path === undefined) throw new BenchError(`k6 is not on the PATH: ${HOW_TO_GET}.`);
  const version = await versionOf(path);
  if (Number(version.split(".", 1)[0]) < MAJOR_MIN) {
    throw new BenchError(`${path} is k6 ${version}, but the scripts require ${MAJOR_MIN}.0 or newer: ${HOW_TO_GET}.`);
  }
  return { path, version };
}

async function versionOf(path: string): Promise<string> {
  let output: string;
  try {
    ({ stdout: output } = await run(path, ["version"], { timeout: ANSWER_MS_MAX }));
  } catch (error) {
    const cause = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw new BenchError(`${path} cannot be run as k6 (${cause}): ${HOW_TO_GET}.`);
  }
  const version = /\bv(\d+\.\d+\.\d+\S*)/.exec(output)?.[1];
  if (version === undefined) throw new BenchError(`${path} does not identify itself as k6: ${HOW_TO_GET}.`);
  return version;
}
