export interface InstallStep {
  readonly name: string;
  readonly state: "start" | "done" | "failed";
  readonly durationMs?: number;
}

export interface InstallOptions {
  /** The repository's root. */
  readonly root: string;
  /** By default a line per step is printed. */
  readonly onStep?: (step: InstallStep) => void;
  /** Leaves the bundles of the programs as they are: quicker where little has changed. */
  readonly isQuick?: boolean;
  /** Builds the programs only, and fetches the servers and the Python environment of the training meanwhile. */
  readonly startsSystem?: boolean;
}

/**
 * Installs exactly what the lockfile says and builds. A step whose inputs have not changed takes no time.
 *
 * @returns the steps with their durations
 * @throws Error: one sentence with the place of the log and its last lines
 */
export function install(options: InstallOptions): Promise<{ name: string; durationMs: number }[]>;

/** Only the first of these steps. Throws as `install` does. */
export function installPackages(root: string): Promise<void>;
