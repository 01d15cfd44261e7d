/** Whether a run uses lanes, given the number of tests of each kind. */
export function needsLanes(counts: {
  readonly whole: number;
  readonly servers: number;
  readonly lanes: number;
}): boolean;

/** Shares test files among lanes; those that start a whole system or a browser run one after another in the first. */
export function runInLanes<T>(work: {
  readonly whole: readonly T[];
  readonly others: readonly T[];
  /** At least 1. */
  readonly lanes: number;
  /** Runs some, one after another; lanes count from 1. */
  readonly run: (tests: T[], lane: number) => Promise<void>;
}): Promise<void>;
