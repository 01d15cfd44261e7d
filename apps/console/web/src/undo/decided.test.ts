import { undoMsOf } from "./decided.js";

test("regression #32: verdicts that were given one after the other can be undone together until the first one takes effect", () => {
  const closed = [1_000, 4_000, 2_500].map((changedAtMs) => ({ changedAtMs, undoUntilMs: changedAtMs + 10_000 }));
  expect(undoMsOf(closed)).toBe(7_000);
  expect(undoMsOf([...closed, { changedAtMs: 30_000, undoUntilMs: 40_000 }])).toBe(0);
});
