import { access } from "node:fs/promises";
import { BenchError } from "./bench-error.js";

/** A peer's program and the packages it needs. */
export interface PeerProgram {
  readonly name: string;
  readonly file: string;
  /** Resolved from `load-tests`, whose package.json pins them. */
  readonly packages: readonly string[];
}

/** @throws BenchError if the peer was not built or one of its packages is missing */
export async function requirePeer({ name, file, packages }: PeerProgram): Promise<void> {
  const fix = "Install and build it with `node tools/start/install.mjs`.";
  try {
    await access(file);
  } catch {
    throw new BenchError(`The peer ${name} is not built: ${file} is missing. ${fix}`);
  }
  for (const wanted of packages) {
    try {
      import.meta.resolve(wanted);
    } catch {
      throw new BenchError(`The peer ${name} needs the package ${wanted}, which is missing. ${fix}`);
    }
  }
}
