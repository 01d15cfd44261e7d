/** Progress of a step: `done` of `total` units. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

export type ProgressListener = (progress: Progress) => void;
