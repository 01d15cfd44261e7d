import { closestName } from "./closest-name.js";

const KNOWN = ["terminal_id", "email", "mcc", "merchant_country", "merchant_id"];

test.each([
  ["terminal", "terminal_id"],
  ["terminalId", "terminal_id"],
  ["Terminal-ID", "terminal_id"],
  ["e_mail", "email"],
  ["emial", "email"],
  ["mcc_", "mcc"],
  ["merchant_contry", "merchant_country"],
])("%s is probably %s", (given, expected) => expect(closestName(given, KNOWN)).toBe(expected));

test.each(["colour", "", "id", "x", "constructor", "terminal_id".repeat(8)])(
  "%j is similar to no known name",
  (given) => expect(closestName(given, KNOWN)).toBeUndefined(),
);
