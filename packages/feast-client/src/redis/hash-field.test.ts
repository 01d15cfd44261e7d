import { featureField, murmur3 } from "./hash-field.js";

// From the reference implementation's test, https://github.com/aappleby/smhasher, and the Wikipedia article on MurmurHash.
test.each([
  ["", 0x00000000],
  ["test", 0xba6bd213],
  ["Hello, world!", 0xc0363e43],
  ["The quick brown fox jumps over the lazy dog", 0x2e4ff723],
])("the hash of %p is %d", (text, hash) => {
  expect(murmur3(text)).toBe(hash);
});

test("a field starts with its least significant byte", () => {
  const field = featureField("a", "b");
  expect(field).toHaveLength(4);
  expect(field.readUInt32LE()).toBe(murmur3("a:b"));
});
