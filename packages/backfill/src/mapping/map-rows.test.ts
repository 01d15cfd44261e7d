import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { cardToken, keyedToken } from "@tripline/contracts/identifiers";
import { OWN_MAPPING, ownCsv } from "../testing/own-payments.js";
import { checkFile } from "./check-file.js";
import { mappedSource } from "./mapped-source.js";
import { parseMapping } from "./mapping.js";

const key = Buffer.alloc(32, 7);
const tenant = "acme";
const spec = currentFeatureSpec();
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tripline-mapping-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const mappingOf = (text: string) => parseMapping(text, join(folder, "mapping.yaml"));

async function check(text: string, content: string | Buffer, file = "payments.csv") {
  writeFileSync(join(folder, file), content);
  const mapping = mappingOf(text.replace("payments.csv", file));
  const rejectsPath = join(folder, "rejects.ndjson");
  const checked = await checkFile({ mapping, key, tenant, spec, rejectsPath });
  const rejects = readFileSync(rejectsPath, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { checked, rejects };
}

/** The rows that a backfill reads. */
async function rowsOf(text: string, rawPath?: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const select = await mappedSource({
      mapping: mappingOf(text),
      key,
      ...(rawPath === undefined ? {} : { rawPath }),
    }).prepare(connection, tenant);
    const reader = await connection.runAndReadAll(`SELECT * FROM (${select}) ORDER BY tie_order`);
    return reader.getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

describe("a file with a different schema", () => {
  test("becomes labelled payments, despite time steps, decimal commas, customers and merchants", async () => {
    const { checked } = await check(OWN_MAPPING, ownCsv({ days: 3, perDay: 40 }));
    expect(checked).toMatchObject({ rows: 120, accepted: 120, rejected: [], unusedColumns: ["kind"], labelled: 120 });
    expect(checked.firstMs).toBe(Date.UTC(2026, 0, 1));
    expect(checked.lastMs).toBe(Date.UTC(2026, 0, 3, 23));
    const [row] = await rowsOf(OWN_MAPPING);
    const [, hour, , amount = "", customer = ""] = ownCsv({ days: 3, perDay: 40 }).split("\n")[1]?.split(";") ?? [];
    expect(row).toMatchObject({
      client_transaction_id: "p0",
      card_token: cardToken(key, tenant, customer),
      amount_minor: String(Math.round(Number(amount.replace(",", ".")) * 100)),
      occurred_at_ms: String(Date.UTC(2026, 0, 1) + Number(hour) * 3_600_000),
      labelled_at_ms: String(Date.UTC(2026, 0, 3)),
      latitude: null,
      bin: null,
    });
  });

  test("lists features without input and the columns that they lack", async () => {
    const { checked } = await check(OWN_MAPPING, ownCsv({ days: 1, perDay: 9 }));
    const lacking = Object.fromEntries(checked.missing.map(({ lacks, features }) => [lacks.join(), features]));
    expect(lacking["latitude,longitude"]).toContain("card_distance_from_home");
    expect(lacking.device_token).toContain("device_count_1h");
    expect(checked.missing.flatMap(({ features }) => features)).not.toContain("card_count_1d");
  });

  test.each([
    ["payments.csv.gz", gzipSync],
    ["payments.csv.zst", zstdCompressSync],
  ])("%s is read", async (file, compress) => {
    const { checked } = await check(OWN_MAPPING, compress(ownCsv({ days: 1, perDay: 30 })), file);
    expect(checked.accepted).toBe(30);
  });

  test("NDJSON with nested objects is read", async () => {
    const text = OWN_MAPPING.replace("column: total", "column: money.total").replace('decimal: ","', "unit: minor");
    const lines = [
      { ref: "a", hour: 1, money: { total: 1999 }, customer: 7, merchant: "m1", fraudulent: "no" },
      { ref: "b", hour: 2, money: { total: 500 }, customer: 8, merchant: "m1", fraudulent: null },
    ].map((line) => JSON.stringify(line));
    const content = [lines[0], "{broken", lines[1], ""].join("\n");
    const { checked, rejects } = await check(text, content, "payments.ndjson");
    expect(checked).toMatchObject({ rows: 3, accepted: 2, labelled: 1 });
    expect(rejects).toEqual([expect.objectContaining({ line: 2, reason: expect.stringContaining("JSON") })]);
  });

  test("Parquet is read", async () => {
    writeFileSync(join(folder, "plain.csv"), ownCsv({ days: 1, perDay: 20 }));
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    const source = join(folder, "plain.csv");
    await connection.run(
      `COPY (SELECT * REPLACE (replace(total, ',', '.')::DOUBLE AS total) FROM read_csv('${source}', delim = ';', all_varchar = true))
       TO '${join(folder, "payments.parquet")}' (FORMAT parquet)`,
    );
    connection.closeSync();
    instance.closeSync();
    const text = OWN_MAPPING.replace("payments.csv", "payments.parquet").replace(', decimal: ","', "");
    const mapping = mappingOf(text);
    const checked = await checkFile({ mapping, key, tenant, spec, rejectsPath: join(folder, "r") });
    expect(checked).toMatchObject({ rows: 20, accepted: 20 });
  });
});

const HEAD = "ref;hour;kind;total;customer;merchant;fraudulent";
const good = (id: string) => `${id};1;fuel;9,99;cust-1;shop-1;no`;

test("regression #28: original columns may have the same names as fields", async () => {
  writeFileSync(join(folder, "payments.csv"), ownCsv({ days: 3, perDay: 40 }).replace("kind", "currency"));
  const rawPath = join(folder, "raw.parquet");
  const rows = await rowsOf(OWN_MAPPING, rawPath);
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const raw = await connection.runAndReadAll(`SELECT DISTINCT currency FROM '${rawPath}' ORDER BY ALL`);
  expect(raw.getRows().flat()).toEqual(["fuel", "games", "grocery", "travel"]);
  expect(new Set(rows.map(({ currency }) => currency))).toEqual(new Set(["EUR"]));
  connection.closeSync();
  instance.closeSync();
});

describe("rows that are not payments", () => {
  test("are listed in the reject file with line and reason, and the other rows are used", async () => {
    const lines = [
      HEAD,
      good("a"),
      "b;1;fuel;twelve;cust-1;shop-1;no",
      "c;1;fuel;-3,00;cust-1;shop-1;no",
      "d;;fuel;3,00;cust-1;shop-1;no",
      "e;1;fuel;3,00;;shop-1;no",
      "f;1;fuel;3,00;cust-1;a shop;no",
      "g;1;fuel;3,00;cust-1;shop-1;maybe",
      good("a"),
      good("h"),
      "",
    ];
    const { checked, rejects } = await check(OWN_MAPPING, lines.join("\n"));
    expect(checked).toMatchObject({ rows: 9, accepted: 2 });
    expect(rejects.map(({ line, reason }) => [line, reason])).toEqual([
      [3, "the amount cannot be read as a number (column total)"],
      [4, "the amount is negative"],
      [5, "has no occurred_at (column hour)"],
      [6, "has no card: the column customer is empty"],
      [7, expect.stringContaining("terminal_id is not 1 to 64 letters")],
      [8, "the label (column fraudulent) is neither fraud nor genuine"],
      [9, "an earlier row has the same transaction_id"],
    ]);
    expect(rejects[0]?.row).toMatchObject({ ref: "b", total: "twelve", kind: "fuel" });
  });

  test("an unclosed quote rejects only its own line", async () => {
    const rows = Array.from({ length: 3_000 }, (_, index) => good(`p${index}`));
    rows[2_000] = 'p2000;1;"fuel;9,99;cust-1;shop-1;no';
    const { checked, rejects } = await check(OWN_MAPPING, [HEAD, ...rows, ""].join("\n"));
    expect(rejects.map(({ line }) => line)).toEqual([2_002]);
    expect(checked).toMatchObject({ rows: 3_000, accepted: 2_999 });
  });

  test("regression #28: a broken quote in line 700,000 is named, and no other row is lost", async () => {
    const text = `
file: payments.csv
fields:
  transaction_id: { row: p- }
  card: { column: card, holds: id }
  amount: { column: amount }
  currency: { constant: EUR }
  occurred_at: { column: at, format: epoch_s }
`;
    const row = "c;1;1767225600\n";
    const content = `card;amount;at\n${row.repeat(699_998)}c;"1;1767225600\n${row.repeat(1_000)}`;
    const { checked, rejects } = await check(text, content);
    expect(checked).toMatchObject({ rows: 700_999, accepted: 700_998 });
    expect(rejects).toEqual([{ line: 700_000, reason: "a quote is not closed", text: 'c;"1;1767225600' }]);
  }, 60_000);

  test("mixed line endings are read, and line numbers include blank lines", async () => {
    const { checked, rejects } = await check(
      OWN_MAPPING,
      `${HEAD}\r\n${good("a")}\n\n\r\n${good("b")}\nc\n${good("a")}\n`,
    );
    expect(checked).toMatchObject({ rows: 4, accepted: 2 });
    expect(rejects.map(({ line }) => line)).toEqual([6, 7]);
  });

  test("line numbers include line breaks in quotes and lines with too few columns", async () => {
    const lines = [
      HEAD,
      'a;1;"fu',
      'el";9,99;cust-1;shop-1;no',
      "b;1",
      good("c"),
      "d;x;fuel;1,00;cust-1;shop-1;no",
      "",
    ];
    const { checked, rejects } = await check(OWN_MAPPING, lines.join("\n"));
    expect(checked).toMatchObject({ rows: 4, accepted: 2 });
    expect(rejects.map(({ line }) => line)).toEqual([4, 6]);
  });

  test("tokens replace card numbers in payments and in the reject file, even in other columns", async () => {
    const number = "4111111111111111";
    const text = OWN_MAPPING.replace("holds: id", "holds: number");
    const lines = [
      HEAD,
      `a;1;fuel;9,99;4111 1111 1111 1111;shop-1;no`,
      `b;1;paid by ${number};x;${number};shop-1;no`,
      `c;1;fuel;9,99;4111111111111112;shop-1;no`,
      "",
    ];
    const { checked, rejects } = await check(text, lines.join("\n"));
    expect(checked).toMatchObject({ rows: 3, accepted: 1 });
    const token = cardToken(key, tenant, number);
    expect(await rowsOf(text)).toMatchObject([{ card_token: token, bin: "41111111" }]);
    expect(rejects).toMatchObject([
      { line: 3, row: { customer: token, kind: `paid by ${token}` } },
      { line: 4, reason: expect.stringContaining("Luhn"), row: { customer: "*" } },
    ]);
    expect(readFileSync(join(folder, "rejects.ndjson"), "utf8")).not.toMatch(/4111/);
  });

  test("a missing column is reported with the most similar existing one", async () => {
    await expect(
      check(OWN_MAPPING.replace("column: total", "column: totl"), ownCsv({ days: 1, perDay: 2 })),
    ).rejects.toThrow(/has no column totl \(did you mean total\?\)\. Its columns: ref, hour/);
  });
});

describe("texts of payments", () => {
  const head = "id,pan,shop,amount,ccy,at,mail,ip";
  const text = `
file: payments.csv
missing: [none]
fields:
  transaction_id: { column: id }
  card: { column: pan, holds: id }
  terminal_id: { column: shop, clean: true }
  amount: { column: amount }
  currency: { column: ccy }
  occurred_at: { column: at, format: "%d.%m.%Y %H:%M", time_zone: Europe/Brussels }
  email: { column: mail }
  ip_address: { column: ip }
`;

  test("are normalised as in ingestion, and amounts have the decimals of their currency", async () => {
    const lines = [
      head,
      "1,c,Corner Shop,1.234,KWD,01.07.2026 12:00,Ada@Example.com,203.0.113.7",
      "2,c,s,1300,jpy,01.01.2026 12:00,none,",
      "3,c,s,10,EUR,01.01.2026 12:00,nobody,",
      "",
    ];
    const { rejects } = await check(text, lines.join("\n"));
    expect(rejects).toMatchObject([{ line: 4, reason: "email is not an e-mail address" }]);
    expect(await rowsOf(text)).toMatchObject([
      {
        terminal_id: "Corner_Shop",
        amount_minor: "1234",
        currency: "KWD",
        occurred_at_ms: String(Date.UTC(2026, 6, 1, 10)),
        email_token: keyedToken("email", key, tenant, "ada@example.com"),
        ip_token: keyedToken("ip", key, tenant, "203.0.113.7"),
        network_token: keyedToken("network", key, tenant, "203.0.113"),
      },
      { amount_minor: "1300", currency: "JPY", occurred_at_ms: String(Date.UTC(2026, 0, 1, 11)), email_token: null },
    ]);
  });

  test("may lack a terminal, in some rows or in the whole file", async () => {
    const content = `${head}\n1,c,,5,EUR,01.01.2026 12:00,,\n2,c,s,5,EUR,01.01.2026 12:00,,\n`;
    await expect(check(text, content)).resolves.toMatchObject({ checked: { accepted: 2, rejected: [] } });
    expect((await rowsOf(text)).map((row) => row.terminal_id)).toEqual([null, "s"]);
    const withoutIds = text.replace("{ column: id }", "{ row: p- }").replace(/ {2}terminal_id.*\n/, "");
    const { checked } = await check(withoutIds, content);
    expect(checked).toMatchObject({ accepted: 2, rejected: [], repeated: 1 });
    const lacking = checked.missing.flatMap(({ lacks, features }) => (lacks.includes("terminal_id") ? features : []));
    const ofTerminal = /(?:^|_)terminals?_/;
    const expected = spec.features.flatMap(({ name }) => (ofTerminal.test(name) ? [name] : []));
    expect(lacking.sort()).toEqual(expected.sort());
    expect((await rowsOf(withoutIds)).map((row) => row.terminal_id)).toEqual([null, null]);
  });

  test.each([
    [".", "12.5", "1250"],
    [".", "1,234.50", "123450"],
    [".", "1 234.5", "123450"],
    [".", "1'234'567", "123456700"],
    [".", "1,23,456.00", "12345600"],
    [".", "9,99", undefined],
    [".", "1,2345", undefined],
    [",", "12,5", "1250"],
    [",", "1.234,50", "123450"],
    [",", "1 234 567", "123456700"],
    [",", "1.234", "123400"],
    [",", "12.99", undefined],
  ])("regression #28: an amount with the decimal sign %s: %s", async (decimal, value, expected) => {
    const one = text.replace("{ column: amount }", `{ column: amount, decimal: "${decimal}" }`);
    const { rejects } = await check(one, `${head}\n1,c,s,"${value}",EUR,01.01.2026 12:00,,\n`);
    const reason = "the amount cannot be read as a number (column amount)";
    expect(rejects).toMatchObject(expected === undefined ? [{ line: 2, reason }] : []);
    expect((await rowsOf(one)).map((row) => row.amount_minor)).toEqual(expected === undefined ? [] : [expected]);
  });

  test.each([
    ["iso", "2026-03-01 12:00:00", Date.UTC(2026, 2, 1, 11)],
    ["iso", "2026-03-01T12:00:00+02:00", Date.UTC(2026, 2, 1, 10)],
    ["iso", "2026-03-01T12:00:00Z", Date.UTC(2026, 2, 1, 12)],
    ["iso", "2026-03-01", Date.UTC(2026, 1, 28, 23)],
    ["epoch_s", "1772366400", 1_772_366_400_000],
    ["epoch_ms", "1772366400123", 1_772_366_400_123],
    ["%m/%d/%Y %H:%M:%S", "03/01/2026 12:00:00", Date.UTC(2026, 2, 1, 11)],
  ])("a time in the format %s: %s", async (format, value, expected) => {
    const one = text.replace("%d.%m.%Y %H:%M", format);
    await check(one, `${head}\n1,c,s,5,EUR,${value},,\n`);
    expect(await rowsOf(one)).toMatchObject([{ occurred_at_ms: String(expected) }]);
  });
});

test("regression #28: `values` replaces the codes of a file, and unknown codes are rejected", async () => {
  const text = OWN_MAPPING.replace(
    "label:",
    "  channel: { column: kind, values: { fuel: point_of_sale, games: in_app } }\nlabel:",
  );
  const { checked } = await check(text, ownCsv({ days: 3, perDay: 40 }));
  expect(checked.accepted).toBeGreaterThan(0);
  expect(checked.rejected).toEqual([
    { reason: expect.stringMatching(/^channel is not one of .*`values` in the mapping/), rows: 120 - checked.accepted },
  ]);
  const channels = new Set((await rowsOf(text)).map(({ channel }) => channel));
  expect([...channels].toSorted()).toEqual(["in_app", "point_of_sale"]);
  expect(() => mappingOf(text.replace("in_app", "app"))).toThrow(
    /channel\.values: app is not one of ecommerce, in_app/,
  );
});
