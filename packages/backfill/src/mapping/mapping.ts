import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { wasCurrency } from "@tripline/contracts/currency";
import { TriplineError } from "@tripline/contracts/error-table";
import { isTimeZone } from "@tripline/contracts/time-zone";
import { parseDocument } from "yaml";
import { z } from "zod";
import { MAPPED_FIELDS } from "../generated/mapped-fields.js";
import { encodingOf } from "./open-text.js";

/*
 * mapping.yaml assigns the columns of a file to payment fields. It supports a closed set of expressions, so names and
 * texts from a mapping reach SQL only in quotes.
 */

/** The commands that add a new field to the code. */
export const GENERATE = "npx tripline generate && npx tsc -b && npm run documents";

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** A start outside these years is a mistake. */
const START_YEARS = [1900, 2200] as const;
const LABEL_DELAY_DAYS_MAX = 3_650;
const MISSING_MAX = 20;
/** Enough for every country. */
export const VALUES_MAX = 300;
const LABEL_VALUES_MAX = 100;

const columnName = z.string().min(1, "must name a column");

const duration = z
  .string()
  .regex(/^[1-9]\d{0,6}(s|m|h|d)$/, "must be a duration such as 1s, 15m, 1h or 7d")
  .transform((text) => Number(text.slice(0, -1)) * UNITS_MS[text.slice(-1) as keyof typeof UNITS_MS]);

const start = z.string().transform((text, context) => {
  const ms = Date.parse(text);
  const year = new Date(ms).getUTCFullYear();
  if (/(?:Z|[+-]\d\d:\d\d)$/.test(text) && year >= START_YEARS[0] && year <= START_YEARS[1]) return ms;
  context.addIssue({ code: "custom", message: "must be a time with an offset, such as 2026-01-01T00:00:00Z" });
  return z.NEVER;
});

const timeZone = z.string().refine(isTimeZone, "must be a time zone such as Europe/Brussels");

/** A strptime format, restricted to the directives for parts of a time. */
const TIME_FORMAT = /^(?:[^%]|%[aAbBdfgHIjmMnpSyYzZ%-])+$/;

export const text = z
  .strictObject({
    column: columnName.optional(),
    constant: z.string().min(1).max(128).optional(),
    /** Replaces characters that are not allowed in an identifier with `_`. */
    clean: z.boolean().default(false),
    /** Values of the field by texts of the column. Other texts are used unchanged. */
    values: z
      .record(z.string(), z.string().min(1).max(128))
      .refine((given) => Object.keys(given).length <= VALUES_MAX, `must have at most ${VALUES_MAX} entries`)
      .optional(),
  })
  .superRefine(exactlyOne("column", "constant"));

/** The source of an enum, whose `values` must be known. */
const enumText = (known: readonly string[]) =>
  text.superRefine(({ values = {} }, context) => {
    for (const value of Object.values(values).filter((one) => !known.includes(one))) {
      context.addIssue({ code: "custom", path: ["values"], message: `${value} is not one of ${known.join(", ")}` });
    }
  });

const transactionId = z
  .strictObject({
    column: columnName.optional(),
    /** For files without ids: the id is this prefix followed by the row's number. */
    row: z
      .string()
      .regex(/^[A-Za-z0-9._:-]{1,32}$/, "must be 1 to 32 letters, digits or any of . _ : -")
      .optional(),
    clean: z.boolean().default(false),
  })
  .superRefine(exactlyOne("column", "row"));

export const card = z.strictObject({
  column: columnName,
  /**
   * number: card numbers. token: tokens of this installation. id: an id that identifies the card, such as a customer
   * id.
   */
  holds: z.enum(["number", "token", "id"], "must be number, token or id"),
});

export const amount = z.strictObject({
  column: columnName,
  unit: z.enum(["major", "minor"], "must be major (12.99) or minor (1299)").default("major"),
  decimal: z.enum([".", ","], 'must be "." or ","').default("."),
  scale: z.number().positive().max(1e9).default(1),
});

export const currency = z
  .strictObject({
    column: columnName.optional(),
    constant: z.string().refine(wasCurrency, "must be an ISO 4217 code in capitals, such as EUR").optional(),
  })
  .superRefine(exactlyOne("column", "constant"));

export const time = z
  .strictObject({
    column: columnName,
    /** iso, epoch_s, epoch_ms, or a strptime format such as "%d.%m.%Y %H:%M". */
    format: z.string().min(2).max(64).optional(),
    time_zone: timeZone.default("UTC"),
    /** The length of a step, for columns that count steps from `start`. */
    step: duration.optional(),
    start: start.optional(),
  })
  .superRefine((given, context) => {
    const isStep = given.step !== undefined || given.start !== undefined;
    const fault = (message: string) => context.addIssue({ code: "custom", message });
    if (isStep && (given.step === undefined || given.start === undefined)) fault("needs both step and start");
    if (isStep === (given.format !== undefined)) fault("needs a format, or step and start");
    const { format } = given;
    if (format !== undefined && !["iso", "epoch_s", "epoch_ms"].includes(format)) {
      if (!format.includes("%") || !TIME_FORMAT.test(format))
        fault('format must be iso, epoch_s, epoch_ms or a format such as "%d.%m.%Y %H:%M"');
    }
  });

const label = z
  .strictObject({
    column: columnName,
    fraud: z.array(z.string()).min(1).max(LABEL_VALUES_MAX),
    /** By default, every value not listed as fraud is genuine. */
    genuine: z.array(z.string()).min(1).max(LABEL_VALUES_MAX).optional(),
    delay: duration
      .refine((ms) => ms <= LABEL_DELAY_DAYS_MAX * UNITS_MS.d, `must be at most ${LABEL_DELAY_DAYS_MAX}d`)
      .optional(),
    reported_at: time.optional(),
  })
  .superRefine((given, context) => {
    if (given.delay === undefined && given.reported_at === undefined) {
      context.addIssue({ code: "custom", message: "needs a delay such as 7d, or reported_at" });
    }
  });

const decimals = z.strictObject({ column: columnName, decimal: z.enum([".", ","]).default(".") });

/** One entry for each field of payment.yaml. */
const declared = Object.fromEntries(
  MAPPED_FIELDS.map(({ name, wire, type, values, required = false }) => {
    const texts = values === undefined ? text : enumText(values);
    const kind = type === "time" ? time : wire === "double" || wire === "int64" ? decimals : texts;
    return [name, required ? kind : kind.optional()];
  }),
);

const encoding = z.string().transform((name, context) => {
  const known = encodingOf(name);
  if (known !== undefined) return known;
  context.addIssue({ code: "custom", message: "must be an encoding such as windows-1252, iso-8859-15 or utf-16le" });
  return z.NEVER;
});

/** How to read a file. */
export const fileEntries = {
  format: z.enum(["csv", "parquet", "ndjson"], "must be csv, parquet or ndjson").optional(),
  csv: z
    .strictObject({
      delimiter: z.string().length(1, "must be one character").optional(),
      quote: z.string().length(1, "must be one character").optional(),
      /** The default is UTF-8. NDJSON is always UTF-8. */
      encoding: encoding.optional(),
    })
    .default({}),
  /** Texts that mean that a value is missing, in addition to empty text. */
  missing: z.array(z.string()).max(MISSING_MAX).default([]),
};

const mappingSchema = z.strictObject({
  file: z.string().min(1),
  ...fileEntries,
  fields: z.strictObject({ transaction_id: transactionId, card, amount, currency, occurred_at: time, ...declared }),
  label: label.optional(),
});

export type TimeSource = z.infer<typeof time>;
export type TextSource = z.infer<typeof text>;
export type DecimalSource = z.infer<typeof decimals>;
export type CoreSources = {
  readonly transaction_id: z.infer<typeof transactionId>;
  readonly card: z.infer<typeof card>;
  readonly amount: z.infer<typeof amount>;
  readonly currency: z.infer<typeof currency>;
  readonly occurred_at: TimeSource;
};

export interface Mapping extends Omit<z.infer<typeof mappingSchema>, "fields"> {
  /** Absolute path. */
  readonly file: string;
  readonly format: "csv" | "parquet" | "ndjson";
  readonly fields: CoreSources & Readonly<Record<string, TimeSource | TextSource | DecimalSource>>;
  /** The text of the mapping. An interrupted backfill continues only with the same text. */
  readonly text: string;
}

/**
 * Reads a mapping.
 *
 * @param declared names of the fields in payment.yaml, which may be newer than the generated code
 * @throws TriplineError `invalid-field` with one sentence per fault
 */
export async function readMapping(path: string, declared?: readonly string[]): Promise<Mapping> {
  return parseMapping(await readMappingText(path), path, declared);
}

/** @throws TriplineError `invalid-field` */
export async function readMappingText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw new TriplineError("invalid-field", `${path} cannot be read: ${reasonOf(error)}.`, [], { cause: error });
  });
}

/** @throws TriplineError `invalid-field` with one sentence per fault */
export function parseMapping(content: string, path: string, declared: readonly string[] = []): Mapping {
  const { file, format, fields, ...rest } = parseYaml(mappingSchema, content, path, declared);
  return {
    ...rest,
    file: resolve(dirname(path), file),
    format: format ?? formatOf(file),
    // The schema has checked the declared fields. The compiler does not know their names.
    fields: fields as Mapping["fields"],
    text: content,
  };
}

/** @throws TriplineError `invalid-field` with one sentence per fault */
export function parseYaml<S extends z.ZodType>(
  schema: S,
  content: string,
  path: string,
  declared: readonly string[] = [],
): z.infer<S> {
  const document = parseDocument(content);
  const [fault] = document.errors;
  if (fault !== undefined) throw new TriplineError("invalid-field", `${path} is not YAML: ${firstLine(fault.message)}`);
  const result = schema.safeParse(document.toJS());
  if (result.success) return result.data;
  const faults = result.error.issues.map(
    (issue) => `${issue.path.join(".") || "the file"}: ${sentenceOf(issue, declared)}`,
  );
  throw new TriplineError("invalid-field", `${path} is not a mapping: ${faults.join("; ")}.`);
}

/** The format, from the file's extension; CSV if it is unknown. */
export function formatOf(file: string): Mapping["format"] {
  if (/\.parquet$/i.test(file)) return "parquet";
  return /\.(?:ndjson|jsonl)(?:\.(?:gz|zst))?$/i.test(file) ? "ndjson" : "csv";
}

function sentenceOf(issue: z.core.$ZodIssue, declared: readonly string[]): string {
  if (issue.code === "unrecognized_keys") {
    const isField = issue.path.at(-1) === "fields";
    if (isField && issue.keys.every((key) => declared.includes(key))) {
      return `${issue.keys.join(", ")} is in payment.yaml but not in the generated code. Run \`${GENERATE}\` first`;
    }
    const known = isField ? `. Known fields: ${fieldNames().join(", ")}` : "";
    return `${issue.keys.join(", ")} is unknown${known}`;
  }
  if (issue.code === "invalid_type" && issue.input === undefined) return "is missing";
  return issue.message;
}

/** Every field that a mapping can fill. */
function fieldNames(): string[] {
  return ["transaction_id", "card", "amount", "currency", "occurred_at", ...MAPPED_FIELDS.map(({ name }) => name)];
}

function exactlyOne(...names: readonly string[]) {
  return (given: Readonly<Record<string, unknown>>, context: z.core.$RefinementCtx): void => {
    if (names.filter((name) => given[name] !== undefined).length === 1) return;
    context.addIssue({ code: "custom", message: `must have exactly one of ${names.join(" and ")}` });
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? firstLine(error.message) : String(error);
}

function firstLine(message: string): string {
  return message.split("\n")[0] ?? "";
}
