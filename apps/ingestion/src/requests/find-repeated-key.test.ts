import fc from "fast-check";
import { findRepeatedKey } from "./find-repeated-key.js";

const find = (text: string) => findRepeatedKey(text, JSON.parse(text));

test.each([
  ['{"a":1,"a":1}', ["a"]],
  ['{"a" : 1,\n\t"b":2, "a"\r\n: 3}', ["a"]],
  ['{"amount":{"minor":1,"currency":"EUR","minor":100}}', ["amount", "minor"]],
  ['{"a":{"b":{"c":1,"c":2}},"a":1}', ["a", "b", "c"]],
  ['{"a":{},"b":1,"a":[]}', ["a"]],
  ['{"a":[0,{"b":1},{"b":1,"b":2}]}', ["a", "2", "b"]],
  ['{"a":1,"\\u0061":2}', ["a"]],
  ['{"\\"":1,"\\u0022":2}', ['"']],
  ['{"__proto__":1,"__proto__":2}', ["__proto__"]],
  ['{"":":","":"\\\\"}', [""]],
  [`{"deep":${'{"a":'.repeat(20)}{"b":1,"b":1}${"}".repeat(20)}}`, ["deep", ...Array(20).fill("a"), "b"]],
])("finds the repeated key in %s", (text, path) => {
  expect(find(text)).toEqual(path);
});

test.each([
  "{}",
  "[]",
  "null",
  '"a:a"',
  '{"a":{"b":1},"b":{"b":1}}',
  '{"a":":","b":"\\":"}',
  '{"a":"b","b":"a"}',
  '{"a":"{\\"a\\":1,\\"a\\":2}"}',
  '{"__proto__":{"__proto__":1},"toString":1}',
  '[{"a":1},{"a":2}]',
  `${'{"a":'.repeat(20)}1${"}".repeat(20)}`,
])("finds no repeated key in %s", (text) => {
  expect(find(text)).toBeUndefined();
});

/** An object or array with its members and their text. */
type Node = { readonly text: string; readonly hasRepeated: boolean };

const space = fc.constantFrom("", " ", "\n\t");
const name = fc.constantFrom("a", "b", ":", '"', "\\", "\\:", "é", "__proto__", "");
/** A string in one of its JSON notations. */
const written = (value: string, isEscaped: boolean) =>
  isEscaped
    ? `"${Array.from(value, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`
    : JSON.stringify(value);

const { node } = fc.letrec<{ node: Node; object: Node; array: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    // Listed first, because fast-check uses the first one at maximum depth.
    {
      weight: 3,
      arbitrary: fc
        .oneof(name, fc.integer(), fc.constantFrom(null, true, 1e-7))
        .map((value) => ({ text: JSON.stringify(value), hasRepeated: false })),
    },
    { weight: 3, arbitrary: tie("object") },
    { weight: 1, arbitrary: tie("array") },
  ),
  object: fc.array(fc.tuple(name, fc.boolean(), space, space, tie("node")), { maxLength: 4 }).map((members) => ({
    text: `{${members.map(([key, isEscaped, before, after, { text }]) => `${before}${written(key, isEscaped)}${after}:${after}${text}`).join(",")}}`,
    hasRepeated:
      new Set(members.map(([key]) => key)).size < members.length ||
      members.some(([, , , , { hasRepeated }]) => hasRepeated),
  })),
  array: fc.array(tie("node"), { maxLength: 3 }).map((members) => ({
    text: `[${members.map(({ text }) => text).join(" ,")}]`,
    hasRepeated: members.some(({ hasRepeated }) => hasRepeated),
  })),
}));

test("finds a repeated key if and only if an object in the text has one", () => {
  fc.assert(
    fc.property(node, ({ text, hasRepeated }) => {
      expect([text, find(text) !== undefined]).toEqual([text, hasRepeated]);
    }),
    { numRuns: 2_000, endOnFailure: true },
  );
});
