import { isFree, licenceFaults, licenceOf } from "../../../../tools/check/read-licences.mjs";

test.each([
  "MIT",
  "(MIT OR GPL-3.0-only)",
  "Apache-2.0 AND BSD-3-Clause",
  "Apache Software License",
  "3-Clause BSD License",
])("allows %s", (licence) => expect(isFree(licence)).toBe(true));

test.each([
  "GPL-3.0-only",
  "AGPL-3.0-or-later",
  "LGPL-3.0-or-later",
  "MPL-2.0",
  "MIT AND GPL-2.0-only",
  "SEE LICENSE IN LICENSE",
  "",
])("rejects copyleft and unclear licences: %s", (licence) => {
  expect(licenceFaults({ name: "some-package", version: "1.0.0", licence })).toHaveLength(1);
});

test("allows a package by name, with a reason", () => {
  expect(licenceFaults({ name: "certifi", version: "1.0.0", licence: "MPL-2.0" })).toEqual([]);
});

test.each([
  [{ license: "MIT" }, "MIT"],
  [{ license: { type: "ISC" } }, "ISC"],
  [{ licenses: [{ type: "MIT" }, { type: "GPL-2.0" }] }, "MIT OR GPL-2.0"],
  [{}, ""],
])("reads the licence in old and new manifests: %j", (manifest, licence) => expect(licenceOf(manifest)).toBe(licence));
