import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { profileColumnTypes } from "@tripline/contracts/profile-tables";
import type { FeatureView } from "@tripline/feast-client/feature-registry";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { FeatureMetrics } from "../feature-metrics.js";
import { checkRegistry } from "./check-registry.js";
import { openProfiles } from "./open-profiles.js";

const engine = compileEngine(currentFeatureSpec());
const card: FeatureView = {
  name: "card_profile",
  joinKeys: { card_token: "STRING" },
  features: profileColumnTypes("card"),
};
const terminal: FeatureView = {
  name: "terminal_profile",
  joinKeys: { terminal_id: "STRING" },
  features: profileColumnTypes("terminal"),
};

test("the registry of training/feature_repo matches the feature spec", () => {
  expect(() => checkRegistry({ featureViews: [card, terminal] }, engine, "registry.db")).not.toThrow();
});

const { card_first_paid_ms: _, ...without } = card.features;

test.each<[string, FeatureView[], string]>([
  [
    "a view that is missing",
    [card],
    "registry.db does not contain the feature view terminal_profile, which the feature spec reads.",
  ],
  [
    "another join key",
    [{ ...card, joinKeys: { card_token: "INT64" } }, terminal],
    "In registry.db, the join key of card_profile is card_token (INT64), but the feature spec requires card_token (STRING).",
  ],
  [
    "a column that is missing",
    [{ ...card, features: without }, terminal],
    "In registry.db, card_profile does not have the column card_first_paid_ms, which the feature spec reads.",
  ],
  [
    "a column of text",
    [{ ...card, features: { ...card.features, card_first_paid_ms: "STRING" } }, terminal],
    "In registry.db, card_profile:card_first_paid_ms has type STRING, but the feature spec requires a number.",
  ],
  [
    "a type that a newer Feast has",
    [{ ...card, features: { ...card.features, card_first_paid_ms: "UNKNOWN" } }, terminal],
    "In registry.db, card_profile:card_first_paid_ms has type UNKNOWN, but the feature spec requires a number.",
  ],
])("rejects %s, and says why in one sentence", (_name, featureViews, sentence) => {
  const check = () => checkRegistry({ featureViews }, engine, "registry.db");
  expect(check).toThrow(
    expect.objectContaining({ code: "config-invalid", message: `FEAST_REGISTRY_FILE: ${sentence}` }),
  );
});

test("the service does not start with an unreadable registry", async () => {
  const config = {
    FEAST_TENANT: "demo",
    FEAST_PROJECT: "tripline",
    FEAST_PROFILES: ["card"],
    FEAST_REGISTRY_FILE: "/nowhere/registry.db",
  };
  const opening = openProfiles(config, engine, new FeatureMetrics(), { warn: () => {}, info: () => {} });
  await expect(opening).rejects.toMatchObject({
    code: "config-invalid",
    message: expect.stringContaining("FEAST_REGISTRY_FILE: The registry /nowhere/registry.db cannot be read"),
  });
});
