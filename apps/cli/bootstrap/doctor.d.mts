/** One thing that was examined. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, as one sentence where it is not good enough. */
  readonly detail: string;
  /** How to mend it; empty when all is well. */
  readonly mend: string;
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
