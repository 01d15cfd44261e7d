import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import type { FeatureEngine } from "../apply/compile-engine.js";
import { compileEngine } from "../apply/compile-engine.js";
import type { OracleEvent } from "../testing/brute-force.js";
import { rowsInUse, tilesInUse } from "../testing/numbers-in-use.js";
import { filteredSpec, neighbourSpec, sparseSpec, specOf, updateSpec, wideSpec } from "../testing/specs.js";
import { DAY_MS, HOUR_MS, TestStates, triplineError } from "../testing/states.js";
import { eventStreams } from "../testing/streams.js";
import { ByteWriter } from "./byte-writer.js";
import type { EntityState } from "./entity-state.js";
import { STATE_HEADER_BYTES } from "./state-codec.js";
import { emptyRing } from "./tile-ring.js";

const START_MS = Date.UTC(2024, 1, 28, 22);
const ENTITIES = ["card", "terminal", "device", "ip"];
const ENGINES = [currentFeatureSpec(), wideSpec, sparseSpec, filteredSpec, updateSpec, neighbourSpec].map(
  compileEngine,
);

/** Every entity's state after random streams, for each of the specs. */
const streams = fc.tuple(fc.constantFrom(...ENGINES), fc.nat(3), eventStreams({ eventsMax: 60, updates: true }));
const stored = streams.map(([engine, place, events]) => storedAfter(engine, place, events));

function storedAfter(engine: FeatureEngine, place: number, events: readonly OracleEvent[]) {
  const states = new TestStates(engine);
  for (const event of events) states.apply(event);
  const entity = ENTITIES[place] ?? "card";
  const id = `${entity[0]}1`;
  return { engine, place, entity, id, state: states.of(entity, id), bytes: states.bytesOf(entity, id) };
}

function idsOf({ recentIds }: EntityState): string[] {
  const ids: string[] = [];
  recentIds?.forEach((high, low) => {
    ids.push(`${high} ${low}`);
  });
  return ids;
}

/** All numbers of a ring, without its spare capacity. */
function numbersOf(ring = emptyRing()) {
  return { ...ring, tiles: [...tilesInUse(ring)] };
}

function totalsOf({ payments, labels }: EntityState) {
  return [payments, labels].map(({ newestMs, rings }) => ({ newestMs, rings: rings.map(numbersOf) }));
}

describe("stored states", () => {
  test("decode unchanged", () => {
    fc.assert(
      fc.property(stored, ({ engine, place, state, bytes }) => {
        const back = engine.decodeState(place, bytes);
        expect(engine.encodeState(place, back)).toEqual(bytes);
        expect(idsOf(back)).toEqual(idsOf(state));
        for (const part of ["sequence", "firstFraudMs", "home"] as const) expect(back[part]).toEqual(state[part]);
        expect(back.partners && rowsInUse(back.partners)).toEqual(state.partners && rowsInUse(state.partners));
        for (const stream of ["payments", "labels"] as const) {
          expect(back[stream].newestMs).toBe(state[stream].newestMs);
          // Values that the plan does not need are not stored.
          engine.entities[place]?.[stream].rings.forEach((plan, ring) => {
            const [actual, expected] = [back[stream].rings[ring], state[stream].rings[ring]];
            expect(actual?.count).toBe(expected?.count);
            if (plan.sum) expect(actual?.sum).toBe(expected?.sum);
            if (plan.max) expect(actual?.max).toBe(expected?.max);
            if (plan.sum && plan.max && plan.squares) expect(numbersOf(actual)).toEqual(numbersOf(expected));
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  test("are rejected if truncated", () => {
    fc.assert(
      fc.property(stored, ({ engine, place, bytes }) => {
        for (let end = 0; end < bytes.length; end += 1) {
          expect(() => engine.decodeState(place, bytes.subarray(0, end))).toThrow(triplineError("state-unreadable"));
        }
      }),
      { numRuns: 8 },
    );
  });

  test("are rejected with trailing bytes", () => {
    fc.assert(
      fc.property(stored, fc.uint8Array({ minLength: 1, maxLength: 9 }), ({ engine, place, bytes }, more) => {
        expect(() => engine.decodeState(place, Uint8Array.from([...bytes, ...more]))).toThrow(
          triplineError("state-unreadable", "has bytes after its end"),
        );
      }),
    );
  });

  test("are rejected or give finite values, and never crash, if one byte is changed", () => {
    fc.assert(
      fc.property(stored, fc.nat(), fc.nat(255), (sample, at, byte) => {
        const damaged = sample.bytes.slice();
        damaged[at % damaged.length] = byte;
        expectRefusedOrFinite(sample, damaged);
      }),
      { numRuns: 400 },
    );
  });

  test("are rejected or give finite values for any changed byte of a card with all parts", () => {
    const engine = compileEngine(wideSpec);
    const states = new TestStates(engine);
    for (let index = 0; index < 20; index += 1) {
      const at = START_MS + index * 3 * HOUR_MS;
      states.pay(at, {
        terminalId: `t${index % 3}`,
        amountMinor: index * 1_000_003,
        latitude: index,
        longitude: -index,
      });
      states.label(at, { fraud: index % 3 === 0 });
    }
    const bytes = states.bytesOf("card", "c");
    for (let at = 0; at < bytes.length; at += 1) {
      for (const byte of [0, 1, 127, 128, 255]) {
        const damaged = bytes.slice();
        damaged[at] = byte;
        expectRefusedOrFinite({ engine, place: 0, entity: "card", id: "c" }, damaged);
      }
    }
  });
});

type Sample = Pick<
  typeof stored extends fc.Arbitrary<infer Value> ? Value : never,
  "engine" | "place" | "entity" | "id"
>;

function expectRefusedOrFinite({ engine, entity, id }: Sample, bytes: Uint8Array): void {
  const states = new TestStates(engine);
  try {
    states.put(entity, id, bytes);
  } catch (error) {
    expect(error).toEqual(triplineError("state-unreadable"));
    return;
  }
  const ids = {
    [{ card: "cardToken", terminal: "terminalId", device: "deviceToken", ip: "ipToken" }[entity] ?? ""]: id,
  };
  const values = [
    ...Object.values(states.pay(START_MS, { ...ids, latitude: 1, longitude: 2 })),
    ...Object.values(states.pay(START_MS + 50 * HOUR_MS, ids)),
    ...Object.values(states.read(entity, id, START_MS)),
  ];
  expect(values.filter((value) => !Number.isFinite(value))).toEqual([]);
}

describe("decoding a state", () => {
  const engine = compileEngine(wideSpec);
  const states = new TestStates(engine);
  for (let index = 0; index < 16; index += 1) states.pay(START_MS, { latitude: 1, longitude: 1 });
  const card = states.bytesOf("card", "c");
  const replaced = (at: number, ...bytes: number[]) => Uint8Array.from([...card.slice(0, at), ...bytes]);

  test.each([
    ["of a future version", replaced(0, 4), "has version 4, but this build reads version 3"],
    ["of the previous version", replaced(0, 2), "has version 2, but this build reads version 3"],
    ["of a version of 0", replaced(0, 0), "version 0"],
    ["without bytes", new Uint8Array(), "truncated"],
    ["with a sequence beyond 2^53", replaced(1, 255, 255, 255, 255, 255, 255, 255, 255), "too large"],
    ["with too many ids", replaced(13, 17), "has 17 recent IDs; the maximum is 16"],
    ["of another plan", replaced(9, 1, 2, 3, 4), "run `tripline backfill` for this spec"],
  ])("rejects a state %s, with the reason", (_name, bytes, reason) => {
    expect(() => engine.decodeState(0, bytes)).toThrow(triplineError("state-unreadable", reason));
  });

  test("rejects the state of another spec or another entity", () => {
    const other = compileEngine(
      specOf({ "1d": { width: "1d", tile: "2h" } }, [{ kind: "count", entity: "card", window: "1d" }]),
    );
    expect(() => other.decodeState(0, card)).toThrow(triplineError("state-unreadable", "different windows"));
    expect(() => engine.decodeState(1, card)).toThrow(triplineError("state-unreadable", "different windows"));
  });
});

function varint(value: number): number[] {
  const writer = new ByteWriter();
  writer.varint(value);
  return [...writer.copy()];
}

/** Hand-made bytes: a state with one ring of two tiles with squares, partners and a home. */
describe("decoding an impossible state", () => {
  const engine = compileEngine(
    specOf({ "1d": { width: "1d", tile: "1d" } }, [
      { kind: "std", entity: "device", window: "1d" },
      { kind: "pair_count", entity: "device", of: "card" },
      { kind: "distance_from_home", entity: "device" },
    ]),
  );
  const DEVICE = 2;
  const head = engine.encodeState(DEVICE, engine.decodeState(DEVICE, null)).slice(0, 13);
  /** Newest payment: in the last millisecond of day 1 and of day 2. Times are stored as their next millisecond. */
  const DAY_1 = varint(2 * DAY_MS);
  const DAY_2 = varint(3 * DAY_MS);
  const NONE = [0];
  const decode = (...parts: number[][]) => engine.decodeState(DEVICE, Uint8Array.from([...head, ...parts.flat()]));
  /** Count and sum for one payment of 3. */
  const ONE = [1, 3];
  /** Count, sum, squareHigh and squareLow for two payments of 3. */
  const TWO = [2, 6, 0, 18];

  test("different tiles, a partner and a home", () => {
    const state = decode(DAY_1, [2, 0, ...ONE, 1, ...TWO], NONE, [1, 1, 2, 3, 4, 5, 2], [1, 1, 2, 3]);
    expect(state).toMatchObject({ payments: { newestMs: 172_799_999 }, home: { count: 1, x: 1, y: 2, z: 3 } });
    expect(numbersOf(state.payments.rings[0])).toMatchObject({
      tiles: [0, 1, 3, 0, 0, 9, 1, 2, 6, 0, 0, 18],
      count: 3,
      sum: 9,
      squareLow: 27,
    });
    expect(state.partners && [...rowsInUse(state.partners)]).toEqual([0x04030201, 172_799_994, 2, 0]);
  });

  test("a tile that has fallen out of the window", () => {
    expect(() => decode(DAY_2, [1, 1, ...ONE], NONE, NONE, NONE)).not.toThrow();
    expect(() => decode(DAY_2, [1, 0, ...ONE], NONE, NONE, NONE)).toThrow(
      triplineError("state-unreadable", "tiles out of order or outside its windows"),
    );
  });

  test.each([
    ["three tiles", [[3, 0, ...ONE, 1, ...ONE, 1, ...ONE]], "has 3 tiles; the maximum is 2"],
    ["a tile twice", [[2, 1, ...ONE, 0, ...ONE]], "tiles out of order or outside its windows"],
    ["a tile newer than the newest payment", [[1, 2, ...ONE]], "tiles out of order or outside its windows"],
    ["an empty tile", [[1, 1, 0, 0, 0, 0]], "has an empty tile"],
    [
      "a sum of squares not carried over",
      [[1, 1, 2, 6, 0, ...varint(2 ** 40)]],
      "a sum of squares that is not carried over",
    ],
    ["129 partners", [NONE, NONE, [0x81, 0x01]], "has 129 partners; the maximum is 128"],
    ["a partner without a payment", [NONE, NONE, [1, 1, 2, 3, 4, 5, 0]], "has a partner without a payment"],
    ["a partner before the epoch", [NONE, NONE, [1, 1, 2, 3, 4, ...DAY_1, 1]], "has a partner without"],
    ["trailing bytes", [NONE, NONE, NONE, NONE, NONE], "has bytes after its end"],
  ])("is rejected: %s", (_name, parts, reason) => {
    expect(() => decode(DAY_1, ...parts, [0, 0, 0, 0])).toThrow(triplineError("state-unreadable", reason));
  });
});

test("decoding into the memory of an unused state gives the same result as into new memory", () => {
  fc.assert(
    fc.property(streams, eventStreams({ eventsMax: 60, updates: true }), ([engine, place, events], others) => {
      const { bytes } = storedAfter(engine, place, events);
      const spent = storedAfter(engine, place, others).state;
      for (const next of [bytes, null]) {
        const fresh = engine.decodeState(place, next);
        const reused = engine.decodeState(place, next, spent);
        expect(reused).toBe(spent);
        expect(totalsOf(reused)).toEqual(totalsOf(fresh));
        expect(engine.encodeState(place, reused)).toEqual(engine.encodeState(place, fresh));
      }
    }),
  );
});

test("recent IDs keep their order, so that the oldest is forgotten first", () => {
  const states = new TestStates(compileEngine(currentFeatureSpec()));
  const apply = (number: number) => states.label(1000, { labelId: `l${number}` });
  for (let number = 0; number < 20; number += 1) apply(number);
  states.store();
  apply(20);
  expect(apply(5)).toEqual({ duplicate: true });
  expect(apply(4)).toMatchObject({ duplicate: false });
});

test("the head of a state changes with every event, even one that is too late", () => {
  const states = new TestStates(compileEngine(currentFeatureSpec()));
  const heads = new Set<string>();
  for (let index = 0; index < 300; index += 1) {
    states.label(index % 7 === 0 ? 1000 : START_MS);
    heads.add(String(states.bytesOf("terminal", "t").subarray(0, STATE_HEADER_BYTES)));
  }
  expect(heads.size).toBe(300);
});

test("a state can be decoded after any number of payments with the maximum amount", () => {
  const states = new TestStates(compileEngine(currentFeatureSpec()));
  const largest = { amountMinor: Math.floor(Number.MAX_SAFE_INTEGER / 1000), currency: "JPY" };
  let values = {};
  for (let index = 0; index < 8_300; index += 1) values = states.pay(START_MS, largest);
  expect(() => states.store()).not.toThrow();
  expect(Object.values(values).filter((value) => !Number.isFinite(value))).toEqual([]);
});
