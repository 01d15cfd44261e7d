import { readEntries, writeEntries } from "./list-csv.js";

const entry = (reason: string) => ({
  list: "deny",
  kind: "card",
  value: "ct_1",
  effect: "deny",
  reason,
  author: "ada",
  created_at: "2026-11-01T00:00:00Z",
  expires_at: null,
});

describe("lists as CSV", () => {
  test("exported entries can be imported, with commas, quotes and line breaks in a reason", () => {
    const reason = 'said "no", then\nleft';
    expect(readEntries(writeEntries([entry(reason)]))).toEqual({
      entries: [{ kind: "card", value: "ct_1", reason, expires_at: null }],
    });
  });

  test("a reason that looks like a formula is exported as text for spreadsheets", () => {
    expect(writeEntries([entry("=HYPERLINK(1)")])).toContain(",'=HYPERLINK(1),");
  });

  test.each([
    ["value,reason\nct_1,x\n", { fault: "head" }],
    ["kind,value,reason\ncard,ct_1,x\ncard,,x\n", { fault: "line", line: 3 }],
  ])("reports the line of a fault: %j", (text, expected) => {
    expect(readEntries(text)).toEqual(expected);
  });

  test("accepts a byte order mark, other columns and a missing final line break", () => {
    expect(readEntries("\uFEFFkind,extra,value,reason,expires_at\r\nterminal,1,t1,x,2027-01-01T00:00:00Z")).toEqual({
      entries: [{ kind: "terminal", value: "t1", reason: "x", expires_at: "2027-01-01T00:00:00Z" }],
    });
  });
});
