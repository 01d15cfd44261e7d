/** How far a step has come: `done` of `total` units. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

export type ProgressListener = (progress: Progress) => void;
