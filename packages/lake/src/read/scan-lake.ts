import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Topic } from "@tripline/contracts/topics";
import { databaseMemory } from "../database-memory.js";
import type { HeldFiles } from "../log/lake-disk.js";
import { lakeUnavailable } from "../log/lake-disk.js";
import { holdFiles } from "./hold-files.js";
import { filesTable } from "./read-rows.js";
import type { Row } from "./row-message.js";

/** A DuckDB instance for reading a lake once. It spills to a folder that is removed at the end. */
export class LakeScan {
  readonly #held: HeldFiles[] = [];

  private constructor(
    private readonly instance: DuckDBInstance,
    private readonly folder: string,
  ) {}

  static async open(): Promise<LakeScan> {
    const folder = await mkdtemp(join(tmpdir(), "tripline-lake-"));
    const instance = await DuckDBInstance.create(":memory:", {
      memory_limit: databaseMemory(),
      temp_directory: folder,
    });
    return new LakeScan(instance, folder);
  }

  /**
   * The rows of a query, in chunks of about 2,000.
   *
   * @throws TriplineError `lake-unavailable`
   */
  async *rows(sql: string): AsyncGenerator<readonly Row[]> {
    const connection = await this.instance.connect();
    try {
      const result = await connection.stream(sql);
      for await (const chunk of result.yieldRowObjectJs()) yield chunk;
    } catch (thrown) {
      if (thrown instanceof TriplineError) throw thrown;
      throw lakeUnavailable("The lake cannot be read", thrown);
    } finally {
      connection.closeSync();
    }
  }

  /** The only row of a query. Throws like `rows`. */
  async row(sql: string): Promise<Row> {
    let only: Row = {};
    for await (const chunk of this.rows(sql)) only = chunk[0] ?? only;
    return only;
  }

  /**
   * The archive of a topic as a SQL table, until `release`; undefined if the topic was never archived.
   *
   * @param columns columns of this version that older files may lack, with their types; they are null in rows of such
   *   files
   * @param after as for `holdFiles`
   * @throws TriplineError like `listFiles`, except for `not-found`
   */
  async table(
    lake: string,
    { name }: Pick<Topic, "name">,
    columns: Readonly<Record<string, string>> = {},
    days?: readonly string[],
    after?: number,
  ): Promise<string | undefined> {
    const held = await heldOrNone(lake, name, days, after);
    this.#held.push(held);
    if (held.paths.length === 0) return undefined;
    const added = Object.entries(columns).map(([column, type]) => `NULL::${type} AS ${column}`);
    const files = `SELECT * FROM ${filesTable(held.paths)}`;
    return added.length === 0 ? `(${files})` : `(SELECT ${added.join(", ")} WHERE false UNION ALL BY NAME ${files})`;
  }

  /** Releases the files of all tables opened so far; these tables can then no longer be used. */
  async release(): Promise<void> {
    await Promise.all(this.#held.splice(0).map((held) => held.release()));
  }

  async close(): Promise<void> {
    this.instance.closeSync();
    await this.release();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function heldOrNone(
  lake: string,
  topic: string,
  days: readonly string[] | undefined,
  after: number | undefined,
): Promise<HeldFiles> {
  try {
    return await holdFiles(lake, topic, days, after);
  } catch (error) {
    if (error instanceof TriplineError && error.code === "not-found") return { paths: [], release: async () => {} };
    throw error;
  }
}
