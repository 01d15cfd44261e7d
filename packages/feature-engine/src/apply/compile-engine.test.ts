import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import type { OracleEvent } from "../testing/brute-force.js";
import { bruteForce } from "../testing/brute-force.js";
import { differencesOf } from "../testing/differences.js";
import { filteredSpec, neighbourSpec, sparseSpec, updateSpec, wideSpec } from "../testing/specs.js";
import { TestStates } from "../testing/states.js";
import type { StreamShape } from "../testing/streams.js";
import { eventStreams } from "../testing/streams.js";
import { compileEngine } from "./compile-engine.js";

/** Compares every answer; `store` says after which events all states are encoded and decoded. */
function compare(spec: FeatureSpec, events: readonly OracleEvent[], store: readonly boolean[]): string[] {
  const states = new TestStates(compileEngine(spec));
  return bruteForce(spec, events).flatMap((expected, index) => {
    const actual = states.apply(events[index] as OracleEvent);
    if (store[index % store.length] === true) states.store();
    return differencesOf(spec, actual, expected).map((difference) => `event ${index}: ${difference}`);
  });
}

const CROWD = { cards: 1, terminals: 400, eventsMin: 300, eventsMax: 450, busy: true };

describe.each([
  ["the shipped spec", currentFeatureSpec(), 150, {}],
  ["every kind on every entity", wideSpec, 100, {}],
  ["every kind on every entity, minutes apart", wideSpec, 60, { busy: true }],
  ["entities that keep little", sparseSpec, 250, {}],
  ["filters", filteredSpec, 100, {}],
  ["payment updates", updateSpec, 150, { updates: true }],
  ["confirmed frauds of partners", neighbourSpec, 100, { updates: true, cards: 4 }],
  ["confirmed frauds of partners, minutes apart", neighbourSpec, 40, { busy: true, eventsMin: 60, eventsMax: 120 }],
  ["payment updates, minutes apart", updateSpec, 60, { updates: true, busy: true }],
  ["payment updates that no feature uses", sparseSpec, 40, { updates: true }],
  ["filters, minutes apart", filteredSpec, 40, { busy: true }],
  ["a card at more terminals than are kept", sparseSpec, 6, CROWD],
] satisfies [string, FeatureSpec, number, Partial<StreamShape>][])(
  "an engine with %s",
  (_name, spec, numRuns, shape) => {
    test("gives the results of brute force over all events, whether states are in memory or stored", () => {
      fc.assert(
        fc.property(eventStreams(shape), fc.array(fc.boolean(), { minLength: 1 }), (events, store) => {
          expect(compare(spec, events, store)).toEqual([]);
        }),
        // Shrinking a counterexample is limited in time; for the long streams it is disabled.
        { numRuns, interruptAfterTimeLimit: 30_000, endOnFailure: "eventsMin" in shape },
      );
    });
  },
);
