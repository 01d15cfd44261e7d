// Builds parts of the generated TypeScript code.

export const HEAD = "// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.\n";

/** @param {unknown} text */
export function quote(text) {
  return JSON.stringify(text);
}

/** @param {string} name @param {string} value @param {string} [type] */
export function exportConst(name, value, type) {
  return `export const ${name}${type === undefined ? "" : `: ${type}`} = ${value};\n`;
}

/** @param {readonly (readonly [string, string])[]} entries names and code */
export function object(entries) {
  return `{\n${entries.map(([name, code]) => `  ${name}: ${code},\n`).join("")}}`;
}

/** @param {readonly string[]} items code */
export function array(items) {
  return `[\n${items.map((code) => `  ${code},\n`).join("")}]`;
}

/** Indents all lines except the first by one level. @param {string} code */
export function indent(code) {
  return code.replaceAll("\n", "\n  ");
}
