// Finds exports that product code does not use, and methods whose name no other product code mentions: code for tests
// belongs in a folder `testing`, and the rest should be deleted.
// Published packages export for external users, threads load default exports, and frameworks call decorated methods and
// those of subclasses and interfaces.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseAst } from "rolldown/parseAst";

/** @typedef {{ type: string, [key: string]: any }} Node */

const EXTENSION = /\.(m?[jt]s|tsx)$/;
const TESTS = /\.test\.tsx?$|\/testing\//;
const GENERATED = /\/generated\//;

const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
  .split("\n")
  .filter((file) => existsSync(file));
const manifests = listed.filter((file) => /^(apps|packages)\/([^/]+|[^/]+\/web)\/package\.json$/.test(file));
/** Package folders by name. @type {Map<string, string>} */
const folders = new Map();
/** @type {Set<string>} */
const published = new Set();
for (const manifest of manifests) {
  const { name, private: isPrivate } = JSON.parse(readFileSync(manifest, "utf8"));
  folders.set(name, dirname(manifest));
  if (isPrivate !== true) published.add(dirname(manifest));
}

/** Imported names, by module; `*` for all of them. @type {Map<string, Set<string>>} */
const imported = new Map();
/** Exported names that their own module does not use, by module. @type {Map<string, string[]>} */
const exported = new Map();
/** Methods and getters that only our own code can call. @type {{ file: string, name: string }[]} */
const methods = [];
/** Mentions of names in all product code. @type {Map<string, number>} */
const mentioned = new Map();

for (const file of listed) if (EXTENSION.test(file) && !TESTS.test(file)) readModule(file);

for (const [file, names] of exported) {
  const used = imported.get(file) ?? new Set();
  const unused = used.has("*") ? [] : names.filter((name) => !used.has(name));
  if (unused.length === 0) continue;
  process.stderr.write(`${file}: no product code uses ${unused.join(", ")}.\n`);
  process.exitCode = 1;
}

for (const { file, name } of methods) {
  if (mentioned.get(name) !== 1) continue;
  process.stderr.write(`${file}: no product code uses the method ${name}.\n`);
  process.exitCode = 1;
}

/** @param {string} file */
function readModule(file) {
  const lang = file.endsWith("x") ? "tsx" : file.endsWith(".d.mts") ? "dts" : "ts";
  const body = /** @type {Node[]} */ (
    /** @type {unknown} */ (parseAst(readFileSync(file, "utf8"), { lang }, file).body)
  );
  /** @type {Map<string, number>} */
  const mentions = new Map();
  for (const node of body) visit(node, file, mentions);
  for (const [name, count] of mentions) mentioned.set(name, (mentioned.get(name) ?? 0) + count);
  const folder = /^(apps|packages)\/([^/]+|[^/]+\/web)(?=\/src\/)/.exec(file)?.[0];
  if (folder === undefined || published.has(folder) || GENERATED.test(file)) return;
  for (const name of body.flatMap(methodsOf)) methods.push({ file, name });
  const names = body.flatMap(exportsOf).filter((name) => (mentions.get(name) ?? 0) < 2);
  if (names.length > 0) exported.set(file, names);
}

/** @param {Node} node @returns {string[]} names that a statement exports */
function exportsOf({ type, declaration }) {
  if (type !== "ExportNamedDeclaration" || !declaration) return [];
  const declared = /** @type {Node[]} */ (declaration.declarations ?? [declaration]);
  return declared.flatMap(({ id }) => id?.name ?? []);
}

/** @param {Node} node @returns {string[]} names of the undecorated methods of a class without a supertype */
function methodsOf({ declaration }) {
  if (declaration?.type !== "ClassDeclaration" || declaration.superClass || declaration.implements?.length) return [];
  const members = /** @type {Node[]} */ (declaration.body.body);
  const plain = members.filter(({ type, decorators }) => type === "MethodDefinition" && !decorators?.length);
  return plain.flatMap(({ kind, key }) => (kind === "constructor" || key.type !== "Identifier" ? [] : key.name));
}

/**
 * Counts mentions of names, and collects imports.
 *
 * @param {unknown} node @param {string} file @param {Map<string, number>} mentions
 */
function visit(node, file, mentions) {
  if (Array.isArray(node)) for (const one of node) visit(one, file, mentions);
  if (typeof node !== "object" || node === null || !("type" in node)) return;
  const { type, name, source, specifiers = [] } = /** @type {Node} */ (node);
  if (type === "Identifier" || type === "JSXIdentifier") mentions.set(name, (mentions.get(name) ?? 0) + 1);
  if (typeof source?.value === "string") {
    const names = specifiers.map((/** @type {Node} */ one) => (one.imported ?? one.local)?.name);
    const isWhole = names.length === 0 || specifiers[0].type === "ImportNamespaceSpecifier";
    use(resolveModule(source.value, file), isWhole ? ["*"] : names);
  }
  for (const child of Object.values(node)) visit(child, file, mentions);
}

/** @param {string | undefined} file @param {string[]} names */
function use(file, names) {
  if (file !== undefined) imported.set(file, new Set([...(imported.get(file) ?? []), ...names]));
}

/** @param {string} source @param {string} from @returns {string | undefined} the source file, if it is one of ours */
function resolveModule(source, from) {
  const name = /^@tripline\/[^/]+/.exec(source)?.[0] ?? "";
  const folder = folders.get(name);
  const path = folder === undefined ? join(dirname(from), source) : join(folder, "src", source.slice(name.length));
  const plain = path.replace("/dist/", "/src/").replace(EXTENSION, "");
  return [".ts", ".tsx", ".mjs"].map((extension) => plain + extension).find((candidate) => existsSync(candidate));
}
