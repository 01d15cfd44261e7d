import type { FeatureRegistry, FeatureView } from "../registry/feature-registry.js";
import { storedViewName } from "../registry/feature-registry.js";
import { featureField, timestampField } from "./hash-field.js";

/*
 * For a feature service with `precompute_online`, Feast stores a vector for each entity in the entity's hash: a
 * feast.core.PrecomputedFeatureVector, as the feature `vector` of a view named after the service. Feast's server then
 * reads nothing else for the service. Protos:
 * https://github.com/feast-dev/feast/blob/v0.67.0/protos/feast/core/PrecomputedFeatureVector.proto
 */

/**
 * A part of a Lua script: recomputes the vectors from the hash KEYS[1]. `next` is the position in ARGV at which their
 * description by `vectorArguments` starts, and `now` is the serialised time. The bytes are identical to those that
 * Feast writes. A stored vector keeps the time at which it was written, so that Feast's next vector counts as newer,
 * regardless of our clock.
 */
export const WRITE_VECTORS = `
local function part(tag, bytes)
  local size, out = #bytes, string.char(tag)
  while size >= 128 do
    out = out .. string.char(size % 128 + 128)
    size = math.floor(size / 128)
  end
  return out .. string.char(size) .. bytes
end
local function take()
  next = next + 1
  return ARGV[next - 1]
end
while next <= #ARGV do
  local vectorField, names, values, times = take(), '', '', ''
  for _ = 1, tonumber(take()) do
    local view, viewTime = take(), redis.call('HGET', KEYS[1], take()) or ''
    times = times .. part(26, part(10, view) .. part(18, viewTime))
    for _ = 1, tonumber(take()) do
      names = names .. part(10, take())
      values = values .. part(18, redis.call('HGET', KEYS[1], take()) or '')
    end
  end
  redis.call('HSET', KEYS[1], vectorField, part(10, names .. values .. times .. part(34, now)))
end
`;

/** Describes, for `WRITE_VECTORS`, the vectors that contain a row of a view. */
export function vectorArguments(registry: FeatureRegistry, written: FeatureView): (string | Buffer)[] {
  const services = (registry.featureServices ?? []).filter(({ precomputesOnline }) => precomputesOnline === true);
  return services.flatMap(({ name, projections }) => {
    const views = projections.map(({ featureView }) => registry.featureViews.find((view) => view.name === featureView));
    // Feast creates no vectors for a service with an on-demand view.
    if (!views.includes(written) || !views.every((view) => view !== undefined)) return [];
    // Feast creates vectors for the entities of the first view, and reads all views with the keys of those entities.
    if (sortedKeys(views[0]) !== sortedKeys(written)) return [];
    const parts = projections.flatMap((projection, index) => {
      const view = views[index] ?? written;
      const stored = storedViewName(view, registry);
      const shown =
        (projection.alias ?? view.name) + (projection.version === undefined ? "" : `@v${projection.version}`);
      const features = projection.features.flatMap((feature) => [
        `${shown}__${feature}`,
        featureField(stored, feature),
      ]);
      return [shown, timestampField(stored), String(projection.features.length), ...features];
    });
    return [featureField(`__precomputed__${name}`, "vector"), String(views.length), ...parts];
  });
}

function sortedKeys(view: FeatureView | undefined): string {
  return Object.keys(view?.joinKeys ?? {})
    .sort()
    .join();
}
