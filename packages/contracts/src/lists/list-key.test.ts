import { readListKey, writeListKey } from "./list-key.js";

test.each([
  { tenant: "demo", list: "deny", kind: "card", value: "ct_1" },
  { tenant: "demo", list: "mules", kind: "ip_range", value: "203.0.113.0/24" },
])("the key of %j can be read again", (key) => {
  expect(readListKey(writeListKey(key))).toEqual(key);
});

test.each(["", "demo/deny/card", "demo/deny/card/", "/deny/card/x"])("%j is not a key", (text) => {
  expect(readListKey(text)).toBeUndefined();
});
