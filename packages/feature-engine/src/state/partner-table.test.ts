import fc from "fast-check";
import { compileEngine } from "../apply/compile-engine.js";
import { rowsInUse } from "../testing/numbers-in-use.js";
import { specOf } from "../testing/specs.js";
import { DAY_MS, HOUR_MS, MINUTE_MS, TestStates } from "../testing/states.js";
import type { PartnerTable } from "./partner-table.js";
import { addPartner, countPartners, findPartner, noPartners, PARTNER_STRIDE, PARTNERS_MAX } from "./partner-table.js";

const START_MS = Date.UTC(2024, 1, 28, 22);

/** Tiles and partners have different retention: the longest window is one over amounts. */
const engine = compileEngine(
  specOf({ "1d": { width: "1d", tile: "1h" }, "3d": { width: "3d", tile: "1d" }, "5d": { width: "5d", tile: "1d" } }, [
    { kind: "count", entity: "card", window: "5d" },
    { kind: "distinct", entity: "card", of: "terminal", window: "1d" },
    { kind: "distinct", entity: "card", of: "terminal", window: "3d" },
    { kind: "pair_is_new", entity: "card", of: "terminal" },
    { kind: "pair_count", entity: "card", of: "terminal" },
    { kind: "pair_seconds_since_last", entity: "card", of: "terminal" },
    { kind: "distinct", entity: "terminal", of: "card", window: "1d" },
    { kind: "seconds_since_last", entity: "terminal" },
  ]),
);
const fresh = () => new TestStates(engine);
const at = (terminalId: string) => ({ terminalId });

/** Rows as (hash, last time, payments). */
function rowsOf(table: PartnerTable): number[][] {
  const rows = [...rowsInUse(table)];
  const found: number[][] = [];
  for (let row = 0; row < rows.length; row += PARTNER_STRIDE) found.push(rows.slice(row, row + PARTNER_STRIDE));
  return found;
}

describe("a table of partners", () => {
  test("is ordered by last time, then by last update", () => {
    const table = noPartners();
    for (const [hash, atMs] of [
      [1, 100],
      [2, 300],
      [3, 200],
      [4, 200],
      [1, 250],
      [2, 50],
    ] as const) {
      addPartner(table, hash, atMs, 0);
    }
    expect(rowsOf(table)).toEqual([
      [2, 300, 2, 0],
      [1, 250, 2, 0],
      [4, 200, 1, 0],
      [3, 200, 1, 0],
    ]);
    addPartner(table, 3, 200, 0);
    expect(rowsOf(table).map(([hash]) => hash)).toEqual([2, 1, 3, 4]);
  });

  test("forgets partners last seen at or before the expiry, and does not add such partners", () => {
    const table = noPartners();
    addPartner(table, 1, 100, 0);
    addPartner(table, 2, 101, 0);
    addPartner(table, 3, 200, 100);
    expect(rowsOf(table)).toEqual([
      [3, 200, 1, 0],
      [2, 101, 1, 0],
    ]);
    addPartner(table, 4, 100, 100);
    addPartner(table, 3, 100, 100);
    expect(rowsOf(table)).toEqual([
      [3, 200, 1, 0],
      [2, 101, 1, 0],
    ]);
  });

  test("evicts the partner seen longest ago", () => {
    const table = noPartners();
    for (let hash = 0; hash < PARTNERS_MAX; hash += 1) addPartner(table, hash, 1000 + hash, 0);
    addPartner(table, 0, 5000, 0);
    addPartner(table, 500, 4000, 0);
    expect(rowsOf(table)).toHaveLength(PARTNERS_MAX);
    expect(rowsOf(table).at(-1)?.[0]).toBe(2);
    expect(findPartner(table, 1, 0)).toBe(-1);
    // A partner seen before all others is not kept at all.
    addPartner(table, 600, 1001, 0);
    expect(findPartner(table, 600, 0)).toBe(-1);
    expect(rowsOf(table).at(-1)).toEqual([2, 1002, 1, 0]);
  });

  test("counts and finds partners seen after a given time, as a plain list does", () => {
    const update = fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 500 }));
    fc.assert(
      fc.property(fc.array(update, { maxLength: 120 }), fc.nat(500), (updates, afterMs) => {
        const table = noPartners();
        const plain = new Map<number, number>();
        for (const [hash, atMs] of updates) {
          addPartner(table, hash, atMs, 0);
          plain.set(hash, Math.max(plain.get(hash) ?? 0, atMs));
        }
        expect(countPartners(table, afterMs)).toBe([...plain.values()].filter((lastMs) => lastMs > afterMs).length);
        for (const [hash, lastMs] of plain) {
          const row = findPartner(table, hash, afterMs);
          expect(row < 0 ? undefined : [...table.rows.subarray(row, row + 2)]).toEqual(
            lastMs > afterMs ? [hash, lastMs] : undefined,
          );
        }
      }),
    );
  });
});

describe("partners of a card", () => {
  test("each counts once, including this payment's", () => {
    const states = fresh();
    for (const terminal of ["a", "b", "a", "c", "b"]) states.pay(START_MS, at(terminal));
    expect(states.pay(START_MS, at("d"))).toMatchObject({ card_distinct_1d: 4, card_pair_is_new: 1 });
    expect(states.pay(START_MS + 5000, at("a"))).toMatchObject({
      card_distinct_1d: 4,
      card_pair_is_new: 0,
      card_pair_count: 3,
      card_pair_seconds_since_last: 5,
      terminal_distinct_1d: 1,
    });
  });

  test("windows end to the millisecond, unlike tile windows", () => {
    const states = fresh();
    states.pay(START_MS, at("a"));
    expect(states.pay(START_MS + DAY_MS - 1, at("b"))).toMatchObject({ card_distinct_1d: 2 });
    const other = fresh();
    other.pay(START_MS, at("a"));
    expect(other.pay(START_MS + DAY_MS, at("b"))).toMatchObject({ card_distinct_1d: 1, card_distinct_3d: 2 });
  });

  test("a terminal outside the window counts again with this payment", () => {
    const states = fresh();
    states.pay(START_MS, at("a"));
    states.pay(START_MS + HOUR_MS, at("b"));
    expect(states.pay(START_MS + DAY_MS, at("a"))).toMatchObject({ card_distinct_1d: 2, card_distinct_3d: 2 });
  });

  test.each([
    ["a millisecond before the end of the longest window is still known", 5 * DAY_MS - 1, 0, 2, 5 * 86_400 - 0.001],
    ["at its end is new", 5 * DAY_MS, 1, 1, -7],
  ])("a terminal last seen %s", (_name, passedMs, isNew, count, seconds) => {
    const states = fresh();
    states.pay(START_MS, at("a"));
    expect(states.pay(START_MS + passedMs, at("a"))).toMatchObject({
      card_pair_is_new: isNew,
      card_pair_count: count,
      card_pair_seconds_since_last: seconds,
    });
  });

  test("a payment at another terminal forgets expired ones, even for out-of-order payments", () => {
    const states = fresh();
    states.pay(START_MS, at("a"));
    states.pay(START_MS + 5 * DAY_MS, at("b"));
    expect(states.pay(START_MS + HOUR_MS, at("a"))).toMatchObject({ card_pair_is_new: 1, card_pair_count: 1 });
  });

  test("a late payment counts, and does not change its terminal's last time", () => {
    const states = fresh();
    states.pay(START_MS, at("a"));
    expect(states.pay(START_MS - HOUR_MS, at("a"))).toMatchObject({
      card_pair_is_new: 0,
      card_pair_count: 2,
      card_pair_seconds_since_last: -7,
    });
    expect(states.pay(START_MS + 1000, at("a"))).toMatchObject({
      card_pair_count: 3,
      card_pair_seconds_since_last: 1,
    });
  });

  test("a payment that is too late adds no terminal", () => {
    const states = fresh();
    states.pay(START_MS, at("a"));
    states.pay(START_MS - 30 * DAY_MS, at("b"));
    expect(states.pay(START_MS, at("b"))).toMatchObject({ card_pair_is_new: 1, card_distinct_3d: 2 });
  });

  test("beyond the limit, counts are minimums, and the terminal seen longest ago is new again", () => {
    const states = fresh();
    const pay = (number: number, minutes: number) => states.pay(START_MS + minutes * MINUTE_MS, at(`t${number}`));
    for (let number = 0; number < PARTNERS_MAX; number += 1) {
      expect(pay(number, number)).toMatchObject({ card_distinct_1d: number + 1 });
    }
    expect(pay(0, 200)).toMatchObject({ card_distinct_1d: PARTNERS_MAX, card_pair_count: 2 });
    // The table is full without this one; t1 is evicted for it.
    expect(pay(500, 201)).toMatchObject({ card_distinct_1d: PARTNERS_MAX + 1 });
    states.store();
    expect(pay(0, 202)).toMatchObject({ card_pair_is_new: 0, card_pair_count: 3 });
    expect(pay(2, 203)).toMatchObject({ card_pair_is_new: 0, card_pair_count: 2 });
    expect(pay(1, 204)).toMatchObject({ card_pair_is_new: 1, card_pair_count: 1 });
    expect(pay(3, 205)).toMatchObject({ card_pair_is_new: 1 });
  });

  test("labels do not count as payments at a terminal", () => {
    const states = fresh();
    states.label(START_MS, {}, "c", "a");
    expect(states.pay(START_MS, at("a"))).toMatchObject({ card_pair_is_new: 1, card_distinct_1d: 1 });
  });
});
