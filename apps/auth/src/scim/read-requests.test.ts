import { readGroup, readGroupPatch } from "./groups/group-changes.js";
import { readFilter } from "./read-filter.js";
import { readPatch } from "./read-patch.js";
import type { ScimType } from "./scim-fault.js";
import { ScimFault } from "./scim-fault.js";
import { readQuery, USER_SCHEMA } from "./scim-resource.js";
import { readUser, readUserPatch } from "./users/user-changes.js";

const SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const patch = (...operations: readonly object[]) => readPatch({ schemas: [SCHEMA], Operations: operations });
const user = (operation: object) => readUserPatch(patch(operation));
const group = (operation: object) => readGroupPatch(patch(operation));
const filter = (text: string) => readFilter(text, ["username", "id"]);

function faultOf(read: () => unknown): ScimFault | undefined {
  try {
    read();
  } catch (error) {
    if (error instanceof ScimFault) return error;
    throw error;
  }
  return undefined;
}

test.each<[string, () => unknown, ScimType]>([
  ["a list instead of a user", () => readUser([]), "invalidValue"],
  ["a user name with a space", () => readUser({ userName: "a b" }), "invalidValue"],
  ["a user name that is a number", () => readUser({ userName: 7 }), "invalidValue"],
  ["an active value that is not a Boolean", () => readUser({ active: "maybe" }), "invalidValue"],
  ["an empty external ID", () => readUser({ externalId: "" }), "invalidValue"],
  ["no operations", () => patch(), "invalidSyntax"],
  ["another schema", () => readPatch({ schemas: ["x"], Operations: [{ op: "add", value: {} }] }), "invalidSyntax"],
  ["a body without a schema", () => readPatch({ Operations: [{ op: "add", value: {} }] }), "invalidSyntax"],
  ["an unknown operation", () => patch({ op: "move", path: "a" }), "invalidSyntax"],
  ["too many operations", () => patch(...Array(1_001).fill({ op: "add", value: {} })), "invalidSyntax"],
  ["a removal without a path", () => patch({ op: "remove" }), "noTarget"],
  ["a removal of the user name", () => user({ op: "remove", path: "userName" }), "mutability"],
  ["a value without a path", () => user({ op: "add", value: "a" }), "invalidValue"],
  ["a group's name that is a UUID", () => readGroup({ displayName: crypto.randomUUID() }), "invalidValue"],
  ["members that are not a list", () => group({ op: "add", path: "members", value: "a" }), "invalidValue"],
  [
    "too many members",
    () => group({ op: "add", path: "members", value: Array.from({ length: 1_001 }, (_, id) => ({ value: `${id}` })) }),
    "invalidValue",
  ],
  ["members by name", () => group({ op: "remove", path: 'members[display eq "a"]' }), "invalidPath"],
  ["members by an unclosed filter", () => group({ op: "remove", path: 'members[value eq "a"' }), "invalidPath"],
  ["a filter by an unknown attribute", () => filter('name eq "a"'), "invalidFilter"],
  ["another comparison operator", () => filter('userName co "a"'), "invalidFilter"],
  ["an unterminated string", () => filter('userName eq "a'), "invalidFilter"],
  ["or", () => filter('userName eq "a" or id eq "b"'), "invalidFilter"],
  ["an attribute twice", () => filter('id eq "a" and id eq "b"'), "invalidFilter"],
  ["an invalid escape", () => filter('id eq "\\x"'), "invalidFilter"],
  ["regression #30: an escaped NUL in a filter", () => filter('id eq "\\u0000"'), "invalidFilter"],
  ["a page that is not a number", () => readQuery({ startIndex: "one" }), "invalidValue"],
  ["a filter that is too long", () => readQuery({ filter: "a".repeat(1_001) }), "invalidValue"],
])("rejects %s, and says why in one sentence", (_what, read, scimType) => {
  const fault = faultOf(read);
  expect(fault?.scimType).toBe(scimType);
  expect(fault?.message).toMatch(/^[\w"].*\.$/);
});

test("reads filters with escaped quotes and with comparisons joined by and", () => {
  expect([...filter('userName eq "a\\"b" AND id eq "1"')]).toEqual([
    ["username", 'a"b'],
    ["id", "1"],
  ]);
  expect([...filter("")]).toEqual([]);
});

// A pattern that backtracks would not end.
test.each([`userName eq "${'\\"'.repeat(490)}`, `userName${" ".repeat(900)}eq`])(
  "rejects a filter of the maximum length: %#",
  (text) => {
    expect(faultOf(() => filter(text))?.scimType).toBe("invalidFilter");
  },
);

test.each<[string, object[], object]>([
  ["Entra ID's strings", [{ op: "Replace", path: "active", value: "False" }], { active: false }],
  ["Okta's object without a path", [{ op: "replace", path: "", value: { active: false } }], { active: false }],
  ["names with dots", [{ op: "replace", value: { "name.givenName": "A", "name.familyName": "B" } }], { name: "A B" }],
  ["a nested name", [{ op: "add", path: "name", value: { formatted: "A B" } }], { name: "A B" }],
  ["a schema in the path", [{ op: "REPLACE", path: `${USER_SCHEMA}:displayName`, value: "A" }], { name: "A" }],
  ["a removal", [{ op: "remove", path: "externalId" }], { externalId: null }],
  [
    "several operations, the last of which applies",
    [
      { op: "Add", path: "displayName", value: "A" },
      { op: "add", path: "DisplayName", value: "B" },
    ],
    { name: "B" },
  ],
  [
    "attributes that are not stored",
    [
      { op: "replace", path: 'emails[type eq "work"].value', value: "x@acme.example" },
      { op: "add", path: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", value: "Fraud" },
    ],
    {},
  ],
])("reads changes to a user: %s", (_what, operations, expected) => {
  expect(readUserPatch(patch(...operations))).toEqual(expected);
});

test.each<[string, object, object]>([
  ["one added member", { op: "Add", path: "members", value: { value: "1" } }, { op: "add", ids: ["1"] }],
  ["members without a path", { op: "add", value: { members: [{ value: "1" }] } }, { op: "add", ids: ["1"] }],
  [
    "removed members in the value",
    { op: "Remove", path: "members", value: [{ value: "1" }] },
    { op: "remove", ids: ["1"] },
  ],
  ["a removed member in the path", { op: "remove", path: 'members[value eq "1"]' }, { op: "remove", ids: ["1"] }],
  ["all members removed", { op: "remove", path: "members" }, { op: "set", ids: [] }],
  ["replaced members", { op: "replace", path: "members", value: [{ value: "1" }] }, { op: "set", ids: ["1"] }],
])("reads changes to a group: %s", (_what, operation, expected) => {
  expect(group(operation).members).toEqual([expected]);
});
