// Reads the licences of packages from their manifests, and decides which packages may be shipped and why.

/** Licences that only require attribution. */
const FREE = new Set([
  ...["MIT", "MIT-0", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "Unlicense", "CC0-1.0", "Zlib"],
  ...["BlueOak-1.0.0", "PSF-2.0", "Python-2.0"],
]);

/**
 * Packages with other licences that may still be shipped. Weak copyleft (MPL, LGPL) requires publishing changes to the
 * package, not our code, so it is allowed per package if we ship the package unmodified.
 *
 * @type {Readonly<Record<string, string>>}
 */
export const ALLOWED = {
  certifi: "MPL-2.0: a list of certificate authorities, shipped unmodified",
  "png-js": "MIT according to its file LICENSE; not stated in its manifest",
};

/** Other names of licences in `FREE`: Python classifiers and free text. */
const OTHER_NAMES = [
  [/^(the )?mit( license)?$/i, "MIT"],
  [/^apache([ -]software)?([ -]license)?,?( v(ersion)? ?)?[ -]?2?(\.0)?$/i, "Apache-2.0"],
  [/^(3-clause |new |modified )?bsd( license| 3-clause license)?$/i, "BSD-3-Clause"],
  [/^isc license( \(iscl\))?$/i, "ISC"],
  [/^mozilla public license 2\.0 \(mpl 2\.0\)$/i, "MPL-2.0"],
];

/**
 * @param {string} stated an SPDX expression, or a name
 * @returns {boolean} whether all of it may be shipped; one of several alternatives is enough
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
 * @returns {string[]} its faults
 */
export function licenceFaults({ name, version, licence }) {
  if (name in ALLOWED || isFree(licence)) return [];
  const what = licence === "" ? "states no licence" : `has the licence ${licence}`;
  return [`${name} ${version} ${what}: it must not be shipped. See the list in tools/check/read-licences.mjs.`];
}

/**
 * @param {{ license?: unknown, licenses?: unknown }} manifest a package.json, possibly from before SPDX
 * @returns {string}
 */
export function licenceOf({ license, licenses }) {
  const type = (/** @type {unknown} */ one) =>
    typeof one === "string" ? one : String(/** @type {{ type?: unknown }} */ (one)?.type ?? "");
  if (license !== undefined) return type(license);
  return Array.isArray(licenses) ? licenses.map(type).join(" OR ") : "";
}
