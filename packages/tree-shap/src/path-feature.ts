/** A feature that the splits above a node ask for, one or more times. */
export interface PathFeature {
  readonly feature: number;
  /** The share of the training data that goes this way at all of those splits: the product of theirs. */
  readonly share: number;
}

/** A path, and where in it a feature stands. */
export interface ExtendedPath {
  readonly path: readonly PathFeature[];
  readonly index: number;
}

/** A path with one more split: a feature that it has already keeps its place, with the product of the shares. */
export function extendPath(path: readonly PathFeature[], feature: number, share: number): ExtendedPath {
  const found = path.findIndex((one) => one.feature === feature);
  if (found === -1) return { path: [...path, { feature, share }], index: path.length };
  return {
    path: path.map((one, index) => (index === found ? { feature, share: one.share * share } : one)),
    index: found,
  };
}
