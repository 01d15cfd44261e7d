import { REPORT_KINDS, REPORT_STAGES, REPORT_VERSION_MAX } from "@tripline/contracts/fraud-reports/report-policy";
import { z } from "zod";
import { sqlText } from "../input/work-database.js";
import type { FieldSql } from "../mapping/field-sql.js";
import { identifierSql, source, timeSql } from "../mapping/field-sql.js";
import type { Mapping } from "../mapping/mapping.js";
import { amount, card, currency, fileEntries, formatOf, parseYaml, text, time } from "../mapping/mapping.js";

const VALUES_MAX = 200;

/** The meaning of each value of a column. */
const meanings = <T extends z.ZodType>(one: T) =>
  z
    .record(z.string(), one)
    .refine((given) => Object.keys(given).length <= VALUES_MAX, `must have at most ${VALUES_MAX} entries`);

/** A constant, or a column with the meaning of each of its values. */
const choice = <const V extends readonly [string, ...string[]]>(values: V) => {
  const one = z.enum(values, `must be one of ${values.join(", ")}`);
  return z.union([one, z.strictObject({ column: z.string().min(1), values: meanings(one) })]);
};

const versionNumber = z.int().min(1).max(REPORT_VERSION_MAX);
/** A constant, or a column that contains numbers or values that represent numbers, such as stages. */
const version = z.union([
  versionNumber,
  z.strictObject({ column: z.string().min(1), values: meanings(versionNumber).optional() }),
]);
/** An empty value means false. */
const withdrawn = z.union([z.boolean(), z.strictObject({ column: z.string().min(1), values: meanings(z.boolean()) })]);

const schema = z.strictObject({
  ...fileEntries,
  report: z.strictObject({
    report_id: text,
    version: version.default(1),
    withdrawn: withdrawn.default(false),
    kind: choice(REPORT_KINDS),
    stage: choice(REPORT_STAGES).optional(),
    card,
    amount,
    currency,
    occurred_at: time,
    reported_at: time.optional(),
    acquirer_reference: text.optional(),
    authorisation_code: text.optional(),
    terminal_id: text.optional(),
    payment_id: text.optional(),
    reason_code: text.optional(),
  }),
});

type Choice = z.infer<ReturnType<typeof choice>>;

/** How to read a file of fraud reports. */
export interface ReportMapping {
  /** As for payments, with the report's ID instead of the payment's. */
  readonly rows: Mapping;
  /** The columns that payments do not have. */
  readonly columns: readonly FieldSql[];
}

/**
 * @param file path of the file of reports
 * @throws TriplineError `invalid-field` with one sentence per fault
 */
export function parseReportMapping(content: string, path: string, file: string): ReportMapping {
  const { report, format, ...rest } = parseYaml(schema, content, path);
  const { report_id, card: ofCard, amount: ofAmount, currency: ofCurrency, occurred_at, ...more } = report;
  const { acquirer_reference, authorisation_code, terminal_id } = more;
  const optional = Object.entries({ acquirer_reference, authorisation_code, terminal_id }).flatMap(([name, given]) =>
    given === undefined ? [] : [[name, given] as const],
  );
  return {
    rows: {
      ...rest,
      file,
      format: format ?? formatOf(file),
      text: content,
      // As in `parseMapping`, the compiler does not know the names of declared fields.
      fields: {
        transaction_id: report_id,
        card: ofCard,
        amount: ofAmount,
        currency: ofCurrency,
        occurred_at,
        ...Object.fromEntries(optional),
      } as Mapping["fields"],
    },
    columns: [
      choiceSql("report_kind", "kind", report.kind, REPORT_KINDS, "true"),
      // Only chargebacks have a stage.
      choiceSql("report_stage", "stage", report.stage ?? "received", REPORT_STAGES, "report_kind = 'chargeback'"),
      versionSql(report.version),
      withdrawnSql(report.withdrawn),
      optionalSql("payment_id", more.payment_id),
      optionalSql("reason_code", more.reason_code),
      more.reported_at === undefined
        ? { column: "reported_at_ms", type: "BIGINT", uses: [], value: "NULL", faults: [] }
        : timeSql("reported_at_ms", "reported_at", more.reported_at, false),
    ],
  };
}

/** @param isNeeded SQL condition for the rows that need a value */
function choiceSql(column: string, name: string, given: Choice, known: readonly string[], isNeeded: string): FieldSql {
  if (typeof given === "string") return { column, type: "VARCHAR", uses: [], value: sqlText(given), faults: [] };
  const value = meaningSql(given.column, given.values, sqlText);
  const reason = `the column ${given.column} must have a value that ${name}.values maps to one of ${known.join(", ")}`;
  const faults = [[`${isNeeded} AND ${column} IS NULL`, reason]] as const;
  return { column, type: "VARCHAR", uses: [given.column], value, faults };
}

function meaningSql<T>(column: string, values: Readonly<Record<string, T>>, toSql: (value: T) => string): string {
  const cases = Object.entries(values).map(([from, to]) => `WHEN ${sqlText(from)} THEN ${toSql(to)}`);
  return cases.length === 0 ? "NULL" : `CASE ${source(column)} ${cases.join(" ")} END`;
}

function versionSql(given: z.infer<typeof version>): FieldSql {
  const base = { column: "report_version", type: "BIGINT" };
  if (typeof given === "number") return { ...base, uses: [], value: String(given), faults: [] };
  const { column, values } = given;
  const value =
    values === undefined ? `try_cast(${source(column)} AS BIGINT)` : meaningSql(column, values, (one) => String(one));
  const isValid = `report_version BETWEEN 1 AND ${REPORT_VERSION_MAX}`;
  const reason = `the column ${column} must contain a version: a whole number from 1 to ${REPORT_VERSION_MAX}`;
  return { ...base, uses: [column], value, faults: [[`(${isValid}) IS NOT TRUE`, reason]] };
}

function withdrawnSql(given: z.infer<typeof withdrawn>): FieldSql {
  const base = { column: "is_withdrawn", type: "BOOLEAN" };
  if (typeof given === "boolean") return { ...base, uses: [], value: String(given), faults: [] };
  const { column, values } = given;
  const value = `CASE WHEN ${source(column)} IS NULL THEN false ELSE ${meaningSql(column, values, (one) => String(one))} END`;
  const reason = `the column ${column} has a value that is missing from withdrawn.values`;
  return { ...base, uses: [column], value, faults: [["is_withdrawn IS NULL", reason]] };
}

function optionalSql(column: string, given: z.infer<typeof text> | undefined): FieldSql {
  if (given === undefined) return { column, type: "VARCHAR", uses: [], value: "NULL", faults: [] };
  return identifierSql(column, column, given, false);
}
