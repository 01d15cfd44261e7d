/** The result of running a program. */
export interface Answer {
  /** Why it failed, for example `not found`. */
  readonly failure?: string;
  readonly output: string;
}

export interface DockerExamination {
  /** The repository's root. */
  readonly root: string;
  /** Ports that must be free, by their future listener. */
  readonly ports: Readonly<Record<string, number>>;
  /** Runs a program on the PATH. Tests replace it. */
  readonly ask?: (command: string, args: readonly string[]) => Promise<Answer>;
}

/** The containers' missing requirements, one sentence each with its fix. Never throws. */
export function examineDocker(examination: DockerExamination): Promise<string[]>;
