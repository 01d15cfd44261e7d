/** A feature that the splits above a node use, one or more times. */
export interface PathFeature {
  readonly feature: number;
  /** The share of the training data that takes this path at all of those splits: the product of their shares. */
  readonly share: number;
}

/** A path, and a feature's position in it. */
export interface ExtendedPath {
  readonly path: readonly PathFeature[];
  readonly index: number;
}

/** A path with one more split: a feature that is already in it keeps its position, with the product of the shares. */
export function extendPath(path: readonly PathFeature[], feature: number, share: number): ExtendedPath {
  const found = path.findIndex((one) => one.feature === feature);
  if (found === -1) return { path: [...path, { feature, share }], index: path.length };
  return {
    path: path.map((one, index) => (index === found ? { feature, share: one.share * share } : one)),
    index: found,
  };
}
