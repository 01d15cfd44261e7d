import type { ListEntry } from "@tripline/contracts/generated/tripline/events/v1/events";
import fc from "fast-check";
import type { ListedValues } from "./list-table.js";
import { ListTable } from "./list-table.js";

const NOW_MS = Date.UTC(2026, 10, 27);
const CARD = `ct_${"0123456789abcdef".repeat(2)}`;
const OTHER_CARD = `ct_${"fedcba9876543210".repeat(2)}`;

function entry(change: Partial<ListEntry> = {}): ListEntry {
  const usual = {
    tenant: "demo",
    list: "deny",
    kind: "card",
    value: CARD,
    effect: "deny",
    reason: "Stolen",
    author: "ana",
  };
  return { ...usual, createdAtMs: NOW_MS - 1_000, ...change };
}

function tableOf(...entries: readonly ListEntry[]): ListTable {
  const table = new ListTable();
  for (const one of entries) expect(table.put(one)).toBe(true);
  return table;
}

const listsOf = (table: ListTable, values: ListedValues, atMs = NOW_MS, tenant = "demo") =>
  table.find(tenant, values, atMs).map(({ list, kind }) => `${list}/${kind}`);

test("a hit contains the list, the reason and the expiry", () => {
  const table = tableOf(entry({ expiresAtMs: NOW_MS + 5, reason: "Stolen in Zürich" }));
  expect(table.find("demo", { card: CARD }, NOW_MS)).toEqual([
    {
      list: "deny",
      kind: "card",
      effect: "deny",
      reason: "Stolen in Zürich",
      createdAtMs: NOW_MS - 1_000,
      expiresAtMs: NOW_MS + 5,
    },
  ]);
});

test("a value is only on the lists of its own tenant and kind", () => {
  const table = tableOf(entry(), entry({ kind: "terminal", value: "t-1", list: "watch", effect: "watch" }));
  expect(listsOf(table, { card: CARD, terminal: "t-1" })).toEqual(["deny/card", "watch/terminal"]);
  expect(listsOf(table, { card: OTHER_CARD, terminal: CARD, device: CARD.replace("ct", "dt"), ip: "t-1" })).toEqual([]);
  expect(listsOf(table, { card: CARD }, NOW_MS, "other")).toEqual([]);
  expect(listsOf(table, { card: "", device: "" })).toEqual([]);
});

test("an entry expires after its last millisecond, by the time of the decision", () => {
  const table = tableOf(entry({ expiresAtMs: NOW_MS }));
  expect(listsOf(table, { card: CARD }, NOW_MS - 1)).toEqual(["deny/card"]);
  expect(listsOf(table, { card: CARD }, NOW_MS)).toEqual([]);
});

test("the strictest of several lists comes first, regardless of the order in which they were filled", () => {
  const entries = [
    entry({ list: "vip", effect: "allow" }),
    entry({ list: "watch", effect: "watch" }),
    entry({ list: "lost", effect: "deny" }),
    entry({ list: "deny" }),
  ];
  const wanted = ["deny/card", "lost/card", "watch/card", "vip/card"];
  expect(listsOf(tableOf(...entries), { card: CARD })).toEqual(wanted);
  expect(listsOf(tableOf(...entries.toReversed()), { card: CARD })).toEqual(wanted);
});

test("an entry replaces an earlier one with the same key", () => {
  const table = tableOf(entry(), entry({ reason: "Found again" }));
  expect(table.size).toBe(1);
  expect(table.find("demo", { card: CARD }, NOW_MS).map(({ reason }) => reason)).toEqual(["Found again"]);
  expect(table.remove(entry({ list: "watch" }))).toBe(false);
  expect(table.remove(entry())).toBe(true);
  expect(table.size).toBe(0);
  expect(listsOf(table, { card: CARD })).toEqual([]);
});

test.each<[string, Partial<ListEntry>]>([
  ["a kind of a later version", { kind: "merchant", value: "m-1" }],
  ["an effect of a later version", { effect: "slow" }],
  ["no value", { value: "" }],
  ["a value that is too long", { kind: "terminal", value: "t".repeat(256) }],
  ["a reason that is too long", { reason: "r".repeat(4_001) }],
  ["an impossible time", { createdAtMs: -1 }],
])("rejects an entry with %s", (_what, change) => {
  const table = new ListTable();
  expect(table.put(entry(change))).toBe(false);
  expect(table.size).toBe(0);
});

test("a BIN also matches entries of its first 6 digits, and any country of a payment counts, each entry once", () => {
  const table = tableOf(
    entry({ kind: "bin", value: "411111", list: "short" }),
    entry({ kind: "bin", value: "41111122", list: "long" }),
    entry({ kind: "country", value: "BE", list: "home" }),
    entry({ kind: "country", value: "FR", list: "away" }),
  );
  expect(listsOf(table, { bin: "41111122" })).toEqual(["long/bin", "short/bin"]);
  expect(listsOf(table, { bin: "41111133" })).toEqual(["short/bin"]);
  expect(listsOf(table, { bin: "411111" })).toEqual(["short/bin"]);
  expect(listsOf(table, { country: ["BE", "", "BE"] })).toEqual(["home/country"]);
  expect(listsOf(table, { country: ["BE", "FR", "DE"] })).toEqual(["away/country", "home/country"]);
  table.remove(entry({ kind: "country", value: "BE", list: "home" }));
  expect(listsOf(table, { country: ["BE", "FR", "DE"] })).toEqual(["away/country"]);
});

test("finds the same as a plain map after any additions and removals", () => {
  const number = fc.integer({ min: 0, max: 400 });
  const step = fc.record({ number, list: fc.constantFrom("deny", "lost"), removes: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { minLength: 500, maxLength: 3_000 }), (steps) => {
      const table = new ListTable();
      const plain = new Map<string, number>();
      for (const [index, { number: value, list, removes }] of steps.entries()) {
        const key = { tenant: "demo", list, kind: "terminal", value: `t-${value}` };
        if (removes) expect(table.remove(key)).toBe(plain.delete(`${list}/${key.value}`));
        else {
          table.put(entry({ ...key, reason: "r".repeat(index % 40), createdAtMs: index }));
          plain.set(`${list}/${key.value}`, index);
        }
      }
      expect(table.size).toBe(plain.size);
      for (let value = 0; value <= 400; value += 1) {
        const found = table
          .find("demo", { terminal: `t-${value}` }, NOW_MS)
          .map(({ list, createdAtMs }) => [list, createdAtMs]);
        const wanted = ["deny", "lost"]
          .map((list) => [list, plain.get(`${list}/t-${value}`)])
          .filter(([, at]) => at !== undefined);
        expect(found).toEqual(wanted);
      }
    }),
    { numRuns: 20 },
  );
});
