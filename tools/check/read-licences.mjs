// Licences of packages, as their manifests state them: which may be shipped, and why.

/** What asks for no more than that it is named. */
const FREE = new Set([
  ...["MIT", "MIT-0", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "Unlicense", "CC0-1.0", "Zlib"],
  ...["BlueOak-1.0.0", "PSF-2.0", "Python-2.0"],
]);

/**
 * Packages with other licences that may be shipped all the same. Weak copyleft (MPL, LGPL) asks that changed files of the package are
 * shown, not ours: it is allowed by name alone, where the package is shipped as it came.
 *
 * @type {Readonly<Record<string, string>>}
 */
export const ALLOWED = {
  certifi: "MPL-2.0: a list of certificate authorities, shipped as it came",
  "png-js": "MIT, as its file LICENSE says; its manifest says nothing",
};

/** Other names by which packages state licences that are in `FREE`: words of Python's classifiers, and free text. */
const OTHER_NAMES = [
  [/^(the )?mit( license)?$/i, "MIT"],
  [/^apache([ -]software)?([ -]license)?,?( v(ersion)? ?)?[ -]?2?(\.0)?$/i, "Apache-2.0"],
  [/^(3-clause |new |modified )?bsd( license| 3-clause license)?$/i, "BSD-3-Clause"],
  [/^isc license( \(iscl\))?$/i, "ISC"],
  [/^mozilla public license 2\.0 \(mpl 2\.0\)$/i, "MPL-2.0"],
];

/**
 * @param {string} stated an SPDX expression, or a name
 * @returns {boolean} whether all of it may be shipped; of alternatives one will do
 */
export function isFree(stated) {
  const text = stated.trim().replace(/^\((.*)\)$/s, "$1");
  if (/ OR /i.test(text)) return text.split(/ OR /i).some(isFree);
  if (/ AND /i.test(text)) return text.split(/ AND /i).every(isFree);
  const name = OTHER_NAMES.find(([pattern]) => /** @type {RegExp} */ (pattern).test(text))?.[1] ?? text;
  return FREE.has(/** @type {string} */ (name));
}

/**
 * @param {{ name: string, version: string, licence: string }} shipped
 * @returns {string[]} what is wrong with it
 */
export function licenceFaults({ name, version, licence }) {
  if (name in ALLOWED || isFree(licence)) return [];
  const what = licence === "" ? "states no licence" : `has the licence ${licence}`;
  return [`${name} ${version} ${what}: it may not be shipped. tools/check/read-licences.mjs says what may, and why.`];
}

/**
 * @param {{ license?: unknown, licenses?: unknown }} manifest a package.json, which may be of the time before SPDX
 * @returns {string}
 */
export function licenceOf({ license, licenses }) {
  const type = (/** @type {unknown} */ one) =>
    typeof one === "string" ? one : String(/** @type {{ type?: unknown }} */ (one)?.type ?? "");
  if (license !== undefined) return type(license);
  return Array.isArray(licenses) ? licenses.map(type).join(" OR ") : "";
}
