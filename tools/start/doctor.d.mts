/** The result of one check. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** What was found; a sentence if it is not sufficient. */
  readonly detail: string;
  /** How to fix it; empty if nothing is wrong. */
  readonly fix: string;
}

/** The result of running a program. */
export interface Answer {
  /** Why it failed, for example `not found`. */
  readonly failure?: string;
  /** Standard output and standard error. */
  readonly output: string;
}

/** Properties of the machine. Tests replace them. */
export interface Readings {
  readonly nodeVersion: string;
  readonly platform: string;
  readonly architecture: string;
  /** Bytes. */
  availableMemoryBytes(): number | Promise<number>;
  /** Free bytes for this user on the disk of `folder`. */
  freeDiskBytes(folder: string): number;
  /** Runs a program on the PATH. */
  ask(command: string, args: readonly string[]): Promise<Answer>;
}

export interface Examination {
  /** Ports that must be free, by their future listener; empty to skip this check. */
  readonly ports: Readonly<Record<string, number>>;
  /** The repository's root. */
  readonly root: string;
  readonly readings?: Partial<Readings>;
}

/** Checks all of Tripline's requirements on this machine concurrently, in about a second. Never throws. */
export function examine(examination: Examination): Promise<Finding[]>;

/** Prints one line per finding, in the words of `sentence` if it needs a fix. */
export function printFindings(findings: readonly Finding[]): void;

/** Combines a fault and its fix into one sentence. */
export function sentence(detail: string, fix: string): string;
