import { basename } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";
import type { WorkDatabase } from "../input/work-database.js";
import { openWorkDatabase, sqlName } from "../input/work-database.js";
import type { MappedFile } from "../mapping/map-rows.js";
import { mapRows } from "../mapping/map-rows.js";
import type { TokenKey } from "../mapping/tokenise-values.js";
import { tokenTable } from "../mapping/tokenise-values.js";
import { writeRejects } from "../mapping/write-rejects.js";
import type { ReportMapping } from "./report-mapping.js";

/** A row of a file as a request to `POST /v1/fraud-reports`, with a token instead of the card number. */
export interface FileReport {
  /** Row number, starting at 0. */
  readonly row: number;
  readonly request: Readonly<Record<string, unknown>>;
}

/** Columns of `mapped` that are sent if the file has them, by the name of the request's field. */
const OPTIONAL = {
  acquirer_reference: "acquirer_reference",
  authorisation_code: "authorisation_code",
  terminal_id: "terminal_id",
  payment_id: "transaction_id",
  reason_code: "reason_code",
} as const;

/** Reads a file of fraud reports. Card numbers become tokens before anything is sent or written. */
export class ReportFile {
  private constructor(
    readonly mapped: MappedFile,
    private readonly database: WorkDatabase,
    private readonly mapping: ReportMapping,
    private readonly key: TokenKey,
  ) {}

  /** @throws TriplineError `invalid-field` if the file cannot be read or lacks a column that the mapping names */
  static async open(mapping: ReportMapping, key: TokenKey): Promise<ReportFile> {
    const database = await openWorkDatabase();
    try {
      const mapped = await mapRows(database.writer, mapping.rows, key, {
        columns: mapping.columns,
        // In these files, the ID of a row is the report's ID.
        idName: "report_id",
        version: "report_version",
      });
      return new ReportFile(mapped, database, mapping, key);
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** The file's name in the form that the API accepts. */
  get name(): string {
    return basename(this.mapping.rows.file)
      .replaceAll(/[^A-Za-z0-9._:-]/g, "_")
      .slice(-NAME_LENGTH_MAX);
  }

  /** The accepted rows, in the order of the file. @param from the number of the first row to return */
  async *reports(from = 0): AsyncGenerator<FileReport> {
    const present = Object.keys(OPTIONAL).filter(
      (column) => column in this.mapping.rows.fields || this.mapping.columns.some((one) => one.column === column),
    );
    const columns = ["raw_row", "transaction_id", "amount_minor", "currency", "occurred_at_ms", "reported_at_ms"];
    columns.push("report_version", "is_withdrawn");
    const all = [...columns, "report_kind", "report_stage", ...present].map((name) => `m.${sqlName(name)}`);
    const result = await this.database.writer.stream(
      `SELECT * FROM (SELECT ${all.join(", ")}, t.token FROM mapped m JOIN ${tokenTable("card")} t ON m.card = t.value
       WHERE m.reason IS NULL AND m.raw_row >= ${from}) ORDER BY raw_row`,
    );
    const names = result.columnNames();
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      for (const cells of chunk.getRows()) {
        yield this.#toReport(new Map(names.map((name, index) => [name, cells[index]])));
      }
    }
  }

  /** Adds the rows that the API rejected to the rejects, and writes all rejects to a file. */
  async writeRejects(refused: readonly (readonly [row: number, reason: string])[], path: string): Promise<void> {
    const { writer } = this.database;
    if (refused.length > 0) {
      await writer.run("CREATE TEMP TABLE refused (row BIGINT, reason VARCHAR)");
      const appender = await writer.createAppender("refused", null, "temp");
      for (const [row, reason] of refused) {
        appender.appendBigInt(BigInt(row));
        appender.appendVarchar(reason);
        appender.endRow();
      }
      appender.closeSync();
      await writer.run("UPDATE mapped SET reason = refused.reason FROM refused WHERE mapped.raw_row = refused.row");
    }
    await writeRejects(writer, this.mapping.rows, this.mapped.columns, this.key, path);
  }

  close(): Promise<void> {
    return this.database.close();
  }

  #toReport(cells: ReadonlyMap<string, unknown>): FileReport {
    const text = (name: string): string | undefined => {
      const value = cells.get(name);
      return value === null || value === undefined ? undefined : String(value);
    };
    const timeOf = (name: string): string | undefined => {
      const ms = text(name);
      return ms === undefined ? undefined : new Date(Number(ms)).toISOString();
    };
    const more = Object.entries(OPTIONAL).flatMap(([column, field]) => {
      const value = text(column);
      return value === undefined ? [] : [[field, value] as const];
    });
    const kind = text("report_kind");
    const token = text("token");
    if (token === undefined) throw new TriplineError("internal", "An accepted row has no card token.");
    const reportedAt = timeOf("reported_at_ms");
    return {
      row: Number(cells.get("raw_row")),
      request: {
        report_id: text("transaction_id"),
        version: Number(cells.get("report_version")),
        ...(cells.get("is_withdrawn") === true ? { withdrawn: true } : {}),
        card: { token },
        amount: { minor: Number(cells.get("amount_minor")), currency: text("currency") },
        occurred_at: timeOf("occurred_at_ms"),
        kind,
        ...(kind === "chargeback" ? { stage: text("report_stage") } : {}),
        ...(reportedAt === undefined ? {} : { reported_at: reportedAt }),
        ...Object.fromEntries(more),
        file: this.name,
      },
    };
  }
}

/** The API's limit for a file name. */
const NAME_LENGTH_MAX = 64;
