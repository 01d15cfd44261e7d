/** One thing that was examined. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, as one sentence where it is not good enough. */
  readonly detail: string;
  /** How to fix it; empty when all is well. */
  readonly fix: string;
}

/** What a program answered. */
export interface Answer {
  /** Why there is no good answer: `not found`. */
  readonly failure?: string;
  /** Both its streams. */
  readonly output: string;
}

/** What the machine says of itself; a test puts in other values. */
export interface Readings {
  readonly nodeVersion: string;
  readonly platform: string;
  readonly architecture: string;
  /** Bytes. */
  availableMemoryBytes(): number | Promise<number>;
  /** Bytes free for this user on the disk that holds `folder`. */
  freeDiskBytes(folder: string): number;
  /** Runs a program that is on the PATH. */
  ask(command: string, args: readonly string[]): Promise<Answer>;
}

export interface Examination {
  /** Ports to be free, by what would listen there; none to skip that check. */
  readonly ports: Readonly<Record<string, number>>;
  /** The repository's root. */
  readonly root: string;
  readonly readings?: Partial<Readings>;
}

/** Everything Tripline needs of this machine, examined side by side in about a second. Never throws. */
export function examine(examination: Examination): Promise<Finding[]>;

/** A line per finding; those that are not good enough as `sentence` says them. */
export function printFindings(findings: readonly Finding[]): void;

/** What is wrong and how to fix it, as one sentence. */
export function sentence(detail: string, fix: string): string;
