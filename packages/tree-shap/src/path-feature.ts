/** A feature that is used, once or several times, by the splits above a node. */
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

/**
 * A path with one additional split. A feature that is already in the path keeps its position, and its shares are
 * multiplied.
 */
export function extendPath(path: readonly PathFeature[], feature: number, share: number): ExtendedPath {
  const found = path.findIndex((one) => one.feature === feature);
  if (found === -1) return { path: [...path, { feature, share }], index: path.length };
  return {
    path: path.map((one, index) => (index === found ? { feature, share: one.share * share } : one)),
    index: found,
  };
}
