import { parseFeatureSpec } from "./feature-spec.js";

const ENTITIES = {
  card: { key: "card_token" },
  terminal: { key: "terminal_id", optional: true },
  device: { key: "device_token", optional: true },
};

interface Draft {
  readonly entity: string;
  readonly kind: string;
  readonly explained_by?: string;
}

/** The faults of a spec with these features, one line each. */
function faultsOf(drafts: readonly Draft[]): string[] {
  const features = drafts.map((draft, index) => ({ name: `f${index}`, default: 0, sentence: "{value}.", ...draft }));
  try {
    parseFeatureSpec(JSON.stringify({ version: 1, windows: {}, entities: ENTITIES, features }), "spec.yaml");
    return [];
  } catch (error) {
    return error instanceof Error ? error.message.split("\n") : [];
  }
}

const RUN = { entity: "terminal", kind: "run_count" };

test.each([
  ["an entity that does not exist", { ...RUN, explained_by: "shop" }, '"shop" is not part of every event'],
  ["an optional entity", { ...RUN, explained_by: "device" }, '"device" is not part of every event'],
  ["themselves", { ...RUN, explained_by: "terminal" }, "an entity cannot explain its own frauds"],
])("frauds are not explained by %s", (_what, draft, sentence) => {
  expect(faultsOf([draft])).toEqual([`spec.yaml:1 features.0.explained_by: ${sentence}`]);
});

test("only one entity can explain the frauds of another, and none can explain its own", () => {
  const explained = { ...RUN, explained_by: "card" };
  expect(faultsOf([explained, { ...explained, kind: "days_since_run_began" }])).toEqual([]);
  expect(faultsOf([explained, { entity: "card", kind: "run_count" }])).toEqual([]);
  expect(faultsOf([explained, { ...RUN, kind: "days_since_run_began" }])).toEqual([
    'spec.yaml:1 features.1.explained_by: frauds of "terminal" are already explained by card',
  ]);
  expect(faultsOf([explained, { entity: "card", kind: "run_count", explained_by: "terminal" }])).toEqual([
    'spec.yaml:1 features.0.explained_by: frauds of "card" are themselves explained by another entity',
    'spec.yaml:1 features.1.explained_by: "terminal" is not part of every event',
  ]);
});
