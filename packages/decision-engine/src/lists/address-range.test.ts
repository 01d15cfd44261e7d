import { addressDigits, parseRange } from "./address-range.js";

test.each([
  ["203.0.113.7", "00000000000000000000ffffcb007107"],
  ["::ffff:203.0.113.7", "00000000000000000000ffffcb007107"],
  ["2001:db8::1", "20010db8000000000000000000000001"],
  ["::", "0".repeat(32)],
  ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ["fe80::1%eth0", undefined],
  ["203.0.113", undefined],
  ["", undefined],
])("the digits of %j", (text, digits) => {
  expect(addressDigits(text)).toBe(digits);
});

test.each([
  ["203.0.113.0/24", "120/00000000000000000000ffffcb0071"],
  ["203.0.113.7/32", "128/00000000000000000000ffffcb007107"],
  ["::ffff:203.0.113.0/120", "120/00000000000000000000ffffcb0071"],
  ["2001:0DB8::/32", "32/20010db8"],
  ["2001:db8::/29", "29/20010db8"],
  ["::/0", "0/"],
])("all addresses of %s begin with %s", (text, prefix) => {
  expect(parseRange(text)).toEqual({ prefixBits: Number.parseInt(prefix, 10), prefix });
});

test.each(["203.0.113.7", "203.0.113.7/24", "203.0.113.0/33", "2001:db8::/129", "2001:db8::1/32", "a/b", "/8", ""])(
  "%j is not a range",
  (text) => {
    expect(parseRange(text)).toBeUndefined();
  },
);
