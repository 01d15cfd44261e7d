import { causeOf } from "./tripline-error.js";

test.each([
  [
    "the code of a failed connection",
    new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } }),
    "ECONNREFUSED",
  ],
  [
    "the message of a timeout, whose code is only a number",
    new DOMException("The operation was aborted due to timeout", "TimeoutError"),
    "The operation was aborted due to timeout",
  ],
])("says why a request failed: %s", (_case, error, why) => {
  expect(causeOf(error)).toBe(why);
});
