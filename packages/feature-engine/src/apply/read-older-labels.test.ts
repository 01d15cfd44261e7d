import { readFileSync } from "node:fs";
import { AppliedLabel } from "@tripline/contracts/generated/tripline/events/v1/events";
import { specOf } from "../testing/specs.js";
import { compileEngine } from "./compile-engine.js";
import { FoldInOrder } from "./fold-in-order.js";

const GOLDEN = new URL("../../golden/applied-labels.json", import.meta.url);

test("applied labels of the version without entity_ids are read, and count for the card and terminal that they name", () => {
  const { records }: { records: string[] } = JSON.parse(readFileSync(GOLDEN, "utf8"));
  const bytes = records.map((text) => Buffer.from(text, "base64"));
  const labels = bytes.map((one) => AppliedLabel.decode(one));
  expect(labels).toMatchObject([
    { label: { labelId: "lbl_1", fraud: true }, specVersion: 6, entityIds: [] },
    { label: { labelId: "lbl_2", fraud: false }, specVersion: 6, entityIds: [] },
  ]);
  // An instance of the earlier version reads what this version writes about such a label.
  expect(labels.map((one) => Buffer.from(AppliedLabel.encode(one).finish()))).toEqual(bytes);

  const engine = compileEngine(
    specOf({ "7d": { width: "7d", tile: "1d" } }, [
      { kind: "fraud_count", entity: "card", window: "7d" },
      { kind: "fraud_count", entity: "terminal", window: "7d" },
      { kind: "neighbours", entity: "device", of: "card", window: "7d", counts: "fraud" },
    ]),
  );
  const folding = new FoldInOrder({ engine, onPayment: () => {} });
  for (const applied of labels) folding.add({ kind: "label", applied });
  folding.finish();
  expect(folding).toMatchObject({ counted: 2, repeated: 0, stuck: [] });
  const counted = [...folding.states()].map(({ key, state }) => [key.split(":")[1], state.sequence]);
  expect(counted).toEqual([
    ["card", 2],
    ["terminal", 2],
  ]);
});
