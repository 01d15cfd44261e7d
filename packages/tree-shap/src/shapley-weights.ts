/** Maximum number of features in a path, because a set of them is stored in the bits of an integer. */
export const PATH_FEATURES_MAX = 31;

/**
 * The weight of a coalition of `size` players for one more player among `players`, as `[players * 32 + size]`: size!
 * (players - size - 1)! / players! (Shapley 1953; https://arxiv.org/abs/1802.03888).
 */
export const SHAPLEY_WEIGHTS = shapleyWeights();

function shapleyWeights(): Float64Array {
  const weights = new Float64Array(32 * 32);
  for (let players = 1; players <= PATH_FEATURES_MAX; players += 1) {
    // The weight of the empty coalition is 1 / players; each next one follows from the ratio of the factorials.
    let weight = 1 / players;
    for (let size = 0; size < players; size += 1) {
      weights[players * 32 + size] = weight;
      weight *= (size + 1) / (players - size - 1);
    }
  }
  return weights;
}
