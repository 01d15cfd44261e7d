import { TriplineError } from "@tripline/contracts/error-table";
import { parse, stringify } from "yaml";
import type { ColumnProfile } from "./profile-columns.js";
import { looksLike, profileColumn } from "./profile-columns.js";
import { fitsField, standardText } from "./propose-fields.js";

/** Types that a user can declare for a column. Use `token` for personal data, such as a loyalty number. */
export const DECLARED_TYPES = [
  "identifier",
  "token",
  "text",
  "enum",
  "integer",
  "number",
  "boolean",
  "country",
] as const;
export type DeclaredType = (typeof DECLARED_TYPES)[number];

/** A column that the user declares as a payment field. */
export interface Declaration {
  readonly column: string;
  readonly type: DeclaredType;
}

export interface DeclaredField extends Declaration {
  readonly name: string;
  readonly example: string;
  /** The values of an enum. */
  readonly values?: readonly string[];
  /** These values by the column's texts, if they differ. */
  readonly replaced?: Readonly<Record<string, string>>;
}

/** Maximum number of values of an enum. A column with more must be declared as text. */
const VALUES_MAX = 64;
const NAME = /^[a-z][a-z0-9_]*$/;
const TITLE_LENGTH_MAX = 40;

/**
 * The payment field for a declared column.
 *
 * @param profile the column's profile; for an enum or a country, with all distinct values in the file
 * @throws TriplineError `invalid-field` if the column has no values, or a value is not of the declared type
 */
export function declareField({ column, type }: Declaration, profile: ColumnProfile | undefined): DeclaredField {
  const wrong = (why: string) => new TriplineError("invalid-field", `--declare ${column}:${type}: ${why}.`);
  if (profile === undefined) throw wrong(`the file has no column "${column}"`);
  const [example] = profile.values;
  if (example === undefined) throw wrong("the column has no values");
  const name = plainName(column);
  if (!NAME.test(name)) throw wrong("the column's name must begin with a letter");
  if (looksLike.cardNumber(profile)) throw wrong("it seems to contain card numbers; map it to the field card");
  if (type === "token") return { column, type, name, example: `${name}-1` };
  if (looksLike.email(profile) || looksLike.address(profile)) {
    throw wrong("it seems to contain personal data, which must not be stored as plain text. Use the token type");
  }
  const common = { column, type, name, example: standardText(example, type, profile) ?? example };
  if (type !== "enum") {
    const wrongValue = profile.values.find((value) => !isOfType(value, type));
    if (wrongValue === undefined) return common;
    throw wrong(`${JSON.stringify(wrongValue)} does not have this type`);
  }
  const distinct = [...profile.distinct];
  if (distinct.length > VALUES_MAX) throw wrong(`it has more than ${VALUES_MAX} values. Use the text type`);
  const names = new Map(distinct.map((value) => [value, plainName(value)]));
  const other = distinct.find((value) => !NAME.test(names.get(value) ?? ""));
  if (other !== undefined) throw wrong(`${JSON.stringify(other)} does not begin with a letter. Use the text type`);
  const values = [...new Set(names.values())].toSorted();
  if (values.length < names.size) throw wrong("values differ only in case or punctuation. Use the text type");
  const replaced = distinct.some((value) => names.get(value) !== value) ? { replaced: Object.fromEntries(names) } : {};
  return { ...common, example: names.get(example) ?? example, values, ...replaced };
}

function isOfType(value: string, type: DeclaredType): boolean {
  const profile = profileColumn("", [value]);
  if (type === "integer") return looksLike.whole(profile);
  return fitsField(profile, { name: "", column: "", type, wire: "string" });
}

function plainName(text: string): string {
  return text
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replaceAll(/^_|_$/g, "");
}

interface Definition {
  readonly fields: readonly {
    readonly name: string;
    readonly path?: string;
    readonly number?: number;
    readonly columns?: Readonly<Record<string, number>>;
    readonly sealed?: number;
    readonly token?: { readonly prefix: string; readonly word: string };
  }[];
  readonly retired_numbers?: readonly number[];
  readonly retired_sealed_numbers?: readonly number[];
}

/** The request names of the fields in payment.yaml, given its text. */
export function declaredNames(definition: string): string[] {
  return (parse(definition) as Definition).fields.map(({ name, path = name }) => path);
}

/**
 * Adds a field to the text of payment.yaml, with the next free field number.
 *
 * @throws TriplineError `invalid-field` if a field with this name, or a token with this word, exists
 */
export function addField(definition: string, field: DeclaredField): string {
  const parsed = parse(definition) as Definition;
  const { fields, retired_numbers: retired = [] } = parsed;
  const { name, type, values, column } = field;
  const written = type === "token" ? `${name}_token` : name;
  const known = fields.find(
    (one) =>
      [one.name, one.path, ...Object.keys(one.columns ?? {})].some((taken) => taken === name || taken === written) ||
      (type === "token" && one.token?.word === name),
  );
  if (known !== undefined) {
    const advice = known.path === undefined ? "" : "; map the column to it";
    const why = `payments already have ${known.path ?? known.name}${advice}`;
    throw new TriplineError("invalid-field", `--declare ${column}:${type}: ${why}.`);
  }
  const numbers = fields.flatMap(({ number = 0, columns = {} }) => [number, ...Object.values(columns)]);
  const title = `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll("_", " ")}`.slice(0, TITLE_LENGTH_MAX);
  const entry = {
    ...{ name: written, path: name },
    ...{ number: Math.max(...numbers, ...retired) + 1, type },
    ...(values === undefined ? {} : { values }),
    ...(type === "token" ? tokenOptions(name, parsed) : { class: "behavioural" }),
    ...{ title, description: `The column ${column} of your files.` },
    ...{ example: exampleOf(field), uses: usesOf(type) },
  };
  const text = `\n${stringify([entry]).replaceAll(/^(?=.)/gm, "  ")}`;
  const end = definition.search(/^retired_(?:sealed_)?numbers:/m);
  const [before, after] = end < 0 ? [definition, ""] : [definition.slice(0, end), `\n${definition.slice(end)}`];
  return `${before.trimEnd()}\n${text}${after}`;
}

/** A token of its own kind, with the original text encrypted, and erasure by this token. */
function tokenOptions(name: string, { fields, retired_sealed_numbers: retired = [] }: Definition) {
  const used = new Set(fields.map(({ token }) => token?.prefix));
  const letters = [...name.replaceAll(/[^a-z]/g, ""), ..."tabcdefghijklmnopqrsuvwxyz"];
  const prefix = letters
    .map((letter) => `${name.charAt(0)}${letter}`)
    .find((one, index) => index > 0 && !used.has(one));
  const sealed = Math.max(0, ...retired, ...fields.map((field) => field.sealed ?? 0)) + 1;
  return { token: { prefix, word: name }, sealed, class: "personal", subject: true };
}

function exampleOf({ type, example }: DeclaredField): string | number | boolean {
  if (type === "boolean") return /^(?:true|1)$/i.test(example);
  return type === "integer" || type === "number" ? Number(example.replaceAll(/[,' \u00a0]/g, "")) : example;
}

function usesOf(type: DeclaredType): readonly string[] {
  if (type === "token") return ["rule", "entity_key", "console"];
  if (type === "identifier") return ["rule", "entity_key", "feature_filter", "console"];
  const isCategory = type === "text" || type === "enum" || type === "country";
  return ["rule", "feature_filter", ...(isCategory ? ["model_category"] : []), "console"];
}
