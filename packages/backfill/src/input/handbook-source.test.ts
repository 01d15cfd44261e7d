import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import { OPTIONAL_COLUMNS } from "../generated/optional-columns.js";
import type { HandbookPayment } from "./handbook-source.js";
import { handbookSource, readHandbookPayments } from "./handbook-source.js";
import { TRANSACTIONS_COLUMNS } from "./transactions-source.js";

const HEADER = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD";
const LINES = [
  "1,2018-04-01 00:00:31,596,0,57.16,0",
  "2,2018-04-01 00:02:10,4961,10,81.51,0",
  "3,2018-04-01 00:02:11,2,99,5,1",
];
const CARD_TOKEN_KEY = Buffer.alloc(32, 3);

describe("the location of the handbook's payments", () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "tripline-handbook-"));
    await mkdir(join(directory, "raw"));
    await writeFile(join(directory, "raw", "2018-04-01.csv.gz"), gzipSync([HEADER, ...LINES].join("\n")));
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  const writeTerminals = () =>
    writeFile(join(directory, "terminals.csv"), "terminal_id,x,y\n0,41.702200,72.032449\n10,0,111.195\n");

  async function replayed(): Promise<HandbookPayment[]> {
    const payments: HandbookPayment[] = [];
    const days = { directory, fromDay: "2018-04-01", toDay: "2018-04-01" };
    for await (const payment of readHandbookPayments(days)) payments.push(payment);
    return payments;
  }

  /** Column names, and the rows that a backfill would read. */
  async function backfilled(): Promise<{ names: string[]; rows: unknown[][] }> {
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    try {
      const select = await handbookSource({ directory, cardTokenKey: CARD_TOKEN_KEY }).prepare(connection, "shop");
      const reader = await connection.runAndReadAll(`SELECT * FROM (${select}) ORDER BY tie_order`);
      return { names: reader.columnNames(), rows: reader.getRowsJS() };
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  /**
   * Like `backfilled`, but with only each row's optional columns that are not null: the terminal and, if known, the
   * location.
   */
  async function originsInBackfill(): Promise<object[]> {
    const { names, rows } = await backfilled();
    return rows.map((row) => {
      const cells = Object.keys(OPTIONAL_COLUMNS).map((name) => [name, row[names.indexOf(name)]]);
      return Object.fromEntries(cells.filter(([, value]) => value !== null));
    });
  }

  test("is the terminal's grid point, with one kilometre per unit, y to the north and x to the east", async () => {
    await writeTerminals();
    const payments = await replayed();
    expect(payments.map(({ latitude, longitude }) => [latitude, longitude])).toEqual([
      [0.647803, 0.375037],
      [1, 0],
      [undefined, undefined],
    ]);
    // A history import sends what a backfill has read; otherwise, their features would differ.
    expect(await originsInBackfill()).toEqual([
      { terminal_id: "t-0", latitude: 0.647803, longitude: 0.375037 },
      { terminal_id: "t-10", latitude: 1, longitude: 0 },
      { terminal_id: "t-99" },
    ]);
  });

  test("is unknown without a list of terminals", async () => {
    const payments = await replayed();
    expect(payments.map(({ handbookId, latitude, longitude }) => [handbookId, latitude, longitude])).toEqual([
      [1, undefined, undefined],
      [2, undefined, undefined],
      [3, undefined, undefined],
    ]);
    expect(await originsInBackfill()).toEqual(["t-0", "t-10", "t-99"].map((id) => ({ terminal_id: id })));
  });

  test("is an additional column of a transactions file, once per payment", async () => {
    await writeTerminals();
    const { names, rows } = await backfilled();
    const expected = [...Object.keys(TRANSACTIONS_COLUMNS), ...Object.keys(OPTIONAL_COLUMNS), "tie_order"];
    expect(names.toSorted()).toEqual(expected.toSorted());
    expect(rows.map((row) => row[names.indexOf("client_transaction_id")])).toEqual(["hb-1", "hb-2", "hb-3"]);
  });

  test("is missing from a list without coordinates, and the error says so", async () => {
    await writeFile(join(directory, "terminals.csv"), "terminal_id\n0\n");
    await expect(backfilled()).rejects.toMatchObject({
      code: "invalid-field",
      message: expect.stringContaining('"x"'),
    });
    await expect(replayed()).rejects.toMatchObject({ code: "invalid-field", message: expect.stringContaining('"x"') });
  });
});
