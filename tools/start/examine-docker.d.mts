/** What a program answered. */
export interface Answer {
  /** Why there is no good answer: `not found`. */
  readonly failure?: string;
  readonly output: string;
}

export interface DockerExamination {
  /** The repository's root. */
  readonly root: string;
  /** Ports to be free, by what would listen there. */
  readonly ports: Readonly<Record<string, number>>;
  /** Runs a program that is on the PATH; a test puts in another. */
  readonly ask?: (command: string, args: readonly string[]) => Promise<Answer>;
}

/** What is missing for the containers, a sentence each with how to fix it. Never throws. */
export function examineDocker(examination: DockerExamination): Promise<string[]>;
