import { caseQuery, readQueueSearch } from "./queue-search.js";

describe("the queue's URL", () => {
  test("keeps filters and drops everything else", () => {
    expect(readQueueSearch({ status: "closed", outcome: "decline", overdue: true, scoreMin: 0.7 })).toEqual({
      status: "closed",
      outcome: "decline",
      overdue: true,
      scoreMin: 0.7,
    });
    expect(
      readQueueSearch({ status: "gone", outcome: "<b>", reason: "a b", amountMinorMin: "-5", overdue: "yes" }),
    ).toEqual({});
  });

  test("omits an amount that is not in whole minor units, because the backend rejects it", () => {
    expect(readQueueSearch({ amountMinorMin: 1_999, amountMinorMax: 1_998.9999999999998 })).toEqual({
      amountMinorMin: 1_999,
    });
  });

  test("keeps a currency code", () => {
    expect(readQueueSearch({ currency: "JPY" })).toEqual({ currency: "JPY" });
    for (const currency of ["", "jpy", "XXX", 392]) expect(readQueueSearch({ currency })).toEqual({});
  });

  test("never contains the search text, which may be a card number", () => {
    expect(readQueueSearch({ search: "ct_0123", after: "x", limit: 9 })).toEqual({});
    expect(caseQuery({}, " ct_0123 ")).toEqual({ status: "open", sort: "due", descending: false, search: "ct_0123" });
  });

  test("sorts in descending order, except by due date", () => {
    expect(caseQuery({ sort: "amount" }, "")).toMatchObject({ sort: "amount", descending: true });
    expect(caseQuery({}, "")).toMatchObject({ sort: "due", descending: false });
  });
});
