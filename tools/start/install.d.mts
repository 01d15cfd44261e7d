export interface InstallStep {
  readonly name: string;
  readonly state: "start" | "done" | "failed";
  readonly durationMs?: number;
}

export interface InstallOptions {
  /** The repository's root. */
  readonly root: string;
  /** By default, prints one line per step. */
  readonly onStep?: (step: InstallStep) => void;
  /** Skips the bundles of the programs, which is faster after small changes. */
  readonly isQuick?: boolean;
  /** Builds only the programs, while it downloads the servers and the training's Python environment. */
  readonly startsSystem?: boolean;
}

/**
 * Installs the packages of the lockfile and builds. A step whose inputs have not changed takes no time.
 *
 * @returns the steps with their durations
 * @throws Error: one sentence with the log's path and its last lines
 */
export function install(options: InstallOptions): Promise<{ name: string; durationMs: number }[]>;

/** Only the first of these steps. @throws as in `install` */
export function installPackages(root: string): Promise<void>;
