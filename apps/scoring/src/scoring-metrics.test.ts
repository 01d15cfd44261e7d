import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { registry } from "@tripline/telemetry/metrics";
import type { ServedModel } from "./models/served-model.js";
import { createScoringMetrics } from "./scoring-metrics.js";

const features = currentFeatureSpec().features.map(({ name }) => name);

test("regression #24: reports the profiles that served models use, and nothing for a model without any", async () => {
  const served = (version: string, used?: readonly string[]) =>
    ({
      manifest: { name: "fraud", version, features, ...(used === undefined ? {} : { used_features: used }) },
      providers: [],
      batcher: { rowsQueued: 0 },
    }) as unknown as ServedModel;
  const models = [served("a", ["amount", "card_age", "card_profile_amount"]), served("b", ["amount"])];
  const end = createScoringMetrics().watch(() => models);
  const read = async () => {
    const text = await registry.getSingleMetricAsString("tripline_scoring_profiles_used");
    return Array.from(text.matchAll(/model_version="(\w+)",profile="(\w+)"\} 1/g), ([, ...labels]) => labels.join(" "));
  };
  expect(await read()).toEqual(["a card"]);
  // A version without a list of used features may use all of its input.
  models.push(served("old"));
  expect(await read()).toEqual(["a card", "old card", "old terminal"]);
  end();
  expect(await read()).toEqual([]);
});
