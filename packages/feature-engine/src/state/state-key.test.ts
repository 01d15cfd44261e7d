import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "../apply/compile-engine.js";
import { specOf } from "../testing/specs.js";
import { DAY_MS } from "../testing/states.js";
import { STATE_TTL_DAYS_DEFAULT, stateKey } from "./state-key.js";

const card = { name: "card", fingerprint: 35 };

test("a key contains entity, plan, tenant and ID", () => {
  expect(stateKey(card, "acme", "ct_1")).toBe("state:card:z:acme:ct_1");
});

test("no two tenants share a key, regardless of their names", () => {
  const keys = [
    stateKey(card, "a", "b:c"),
    stateKey(card, "a:b", "c"),
    stateKey(card, "a%3Ab", "c"),
    stateKey(card, "", "a:b:c"),
    stateKey(card, "a:b:c", ""),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});

test("no two entities or plans share a key", () => {
  const keys = [
    stateKey(card, "a", "1"),
    stateKey({ ...card, name: "terminal" }, "a", "1"),
    stateKey({ ...card, fingerprint: 36 }, "a", "1"),
  ];
  expect(new Set(keys).size).toBe(3);
});

test("the keys change only if the kept values change", () => {
  const keyFor = (window: string) => {
    const spec = specOf({ "1d": { width: "1d", tile: "1h" }, "2d": { width: "2d", tile: "1h" } }, [
      { kind: "count", entity: "card", window },
    ]);
    return compileEngine(spec).entities.map((plan) => stateKey(plan, "t", "1"))[0];
  };
  expect(keyFor("1d")).toBe(keyFor("1d"));
  expect(keyFor("1d")).not.toBe(keyFor("2d"));
});

test("a state outlives the longest window of the current spec", () => {
  expect(STATE_TTL_DAYS_DEFAULT * DAY_MS).toBeGreaterThan(compileEngine(currentFeatureSpec()).longestWindowMs);
});
