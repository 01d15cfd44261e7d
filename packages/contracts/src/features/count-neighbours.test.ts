import { isLabelFeature, parseFeatureSpec } from "../feature-spec.js";

const ENTITIES = {
  card: { key: "card_token" },
  terminal: { key: "terminal_id", optional: true },
  device: { key: "device_token", optional: true },
  email: { key: "email_token", optional: true },
  card_at_terminal: { key: "card_token/terminal_id", optional: true },
  card_device: { key: "card_token/device_token", optional: true },
};

function specOf(change: object) {
  const feature = { name: "f", kind: "neighbours", entity: "device", of: "card", window: "1d", counts: "fraud" };
  const windows = { "1d": { width: "1d", tile: "1h" } };
  const features = [{ ...feature, default: 0, sentence: "{value}.", ...change }];
  return parseFeatureSpec(JSON.stringify({ version: 1, windows, entities: ENTITIES, features }), "spec.yaml");
}

test("counting neighbours with a confirmed fraud is a label feature, although labels do not name devices", () => {
  const [fraud, all] = [specOf({}), specOf({ entity: "email", counts: "all" })].flatMap(({ features }) => features);
  expect(fraud && isLabelFeature(fraud)).toBe(true);
  expect(all && isLabelFeature(all)).toBe(false);
});

test.each([
  { kind: "fraud_rate", of: undefined, counts: undefined },
  { kind: "fraud_risk", of: undefined, counts: undefined, prior: 0.1, weight: 1 },
  { kind: "days_since_first_fraud", of: undefined, counts: undefined, window: undefined },
  { kind: "run_count", of: undefined, counts: undefined, window: undefined, explained_by: "card" },
])("$kind is a label feature for a device, and is rejected for an e-mail address", (change) => {
  const [feature] = specOf(change).features;
  expect(feature && isLabelFeature(feature)).toBe(true);
  const faults = `"email" cannot have ${change.kind}: the states of cards would contain email_token`;
  expect(() => specOf({ ...change, entity: "email" })).toThrow(faults);
});

test.each([
  ["frauds of an e-mail address", { entity: "email" }, 'features.0.entity: "email" cannot have neighbours: the states'],
  ["a filter", { where: { currency: ["EUR"] } }, "features.0.where: is only for kinds that summarise payments"],
  ["optional partners", { entity: "card", of: "device" }, 'features.0.of: "device" cannot be a partner'],
  ["something else", { counts: "some" }, "features.0.counts"],
])("neighbours cannot count %s", (_what, change, message) => {
  expect(() => specOf(change)).toThrow(message);
});

test("label features of a card at a terminal are rejected, because online a label would count without its payment", () => {
  const rate = { kind: "fraud_rate", of: undefined, counts: undefined };
  const faults = '"card_at_terminal" cannot have fraud_rate: labels contain all fields of its key';
  expect(() => specOf({ ...rate, entity: "card_at_terminal" })).toThrow(faults);
  expect(specOf({ ...rate, entity: "card_device" }).features).toHaveLength(1);
});
