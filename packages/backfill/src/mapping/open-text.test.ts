import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parse } from "yaml";
import { checkFile } from "./check-file.js";
import { inspectFile } from "./inspect-file.js";
import { parseMapping } from "./mapping.js";
import { linesOf } from "./open-text.js";
import { repairCsv } from "./repair-csv.js";
import { csvFormat } from "./scan-lines.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tripline-encoding-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = 40;
const text = (merchant = "Müller € Köln") =>
  `Ref;Datum;Kunde;Händler;Betrag\r\n${Array.from(
    { length: ROWS },
    (_, index) => `r${index};2026-01-02T10:00:00Z;k${index % 3};${index === 30 ? merchant : "Shop"};9,99\r\n`,
  ).join("")}`;

/** Of the characters in these tests, only the euro sign is not encoded as in ISO-8859-1. */
const windows1252 = (content: string) => Buffer.from(content.replaceAll("€", "\u0080"), "latin1");
const utf16 = (content: string, order: "le" | "be") => {
  const bytes = Buffer.from(content, "utf16le");
  return order === "le" ? bytes : bytes.swap16();
};

async function inspect(content: Buffer, name = "payments.csv") {
  const file = join(folder, name);
  writeFileSync(file, content);
  return inspectFile(file, folder);
}

async function check(yaml: string) {
  const mapping = parseMapping(yaml, join(folder, "mapping.yaml"));
  const rejectsPath = join(folder, "rejects.ndjson");
  const options = { mapping, key: Buffer.alloc(32), tenant: "t", spec: currentFeatureSpec(), rejectsPath };
  const checked = await checkFile(options);
  const rejects = readFileSync(rejectsPath, "utf8").split("\n").slice(0, -1);
  return { checked, rejects: rejects.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe("a file in another encoding", () => {
  test.each([
    ["windows-1252", windows1252(text()), "payments.csv"],
    ["windows-1252", gzipSync(windows1252(text())), "payments.csv.gz"],
    ["utf-16le", utf16(`\uFEFF${text()}`, "le"), "payments.csv"],
    ["utf-16be", utf16(`\uFEFF${text()}`, "be"), "payments.csv"],
    ["utf-16le", utf16(text(), "le"), "payments.csv"],
  ])("is recognised and read: %s", async (encoding, content, name) => {
    const { yaml, fields, notes } = await inspect(content, name);
    expect(parse(yaml).csv).toEqual({ delimiter: ";", encoding });
    expect(fields).toMatchObject({
      card: { column: "Kunde", holds: "id" },
      terminal_id: { column: "Händler", clean: true },
      amount: { column: "Betrag", decimal: "," },
    });
    const note = 'csv: the file is not UTF-8; windows-1252 is a guess that reads line 1, byte 18 as "ä"';
    expect(notes.filter((one) => one.startsWith("csv"))).toEqual(encoding === "windows-1252" ? [note] : []);
    // Without `clean`, the name is rejected, so the reject file shows how it was read.
    const { checked, rejects } = await check(yaml.replace(/\n\s+clean: true/, ""));
    expect(checked).toMatchObject({ rows: ROWS, accepted: ROWS - 1 });
    expect(rejects).toMatchObject([{ line: 32, row: { Händler: "Müller € Köln" } }]);
  });

  test("in UTF-8, names are not changed and no encoding is proposed", async () => {
    const { yaml, notes } = await inspect(Buffer.from(text()));
    expect(parse(yaml).csv).toEqual({ delimiter: ";" });
    expect(notes.join()).not.toMatch(/csv/);
  });
});

describe("the error for a wrong encoding names line and byte", () => {
  const withEncoding = async (content: Buffer, encoding: string | undefined) => {
    const { yaml } = await inspect(Buffer.from(text()));
    writeFileSync(join(folder, "payments.csv"), content);
    return check(encoding === undefined ? yaml : yaml.replace("delimiter:", `encoding: ${encoding}\n  delimiter:`));
  };
  const header = (content: string) => content.replaceAll("Händler", "Haendler");

  test.each([
    [undefined, windows1252(text()), "is not utf-8: line 1, byte 18 is 0xE4.*such as windows-1252"],
    [undefined, windows1252(header(text())), "is not utf-8: line 32, byte 30 is 0xFC.*such as windows-1252"],
    [undefined, utf16(text(), "le"), "is not utf-8: line 1, byte 2 is 0x00.*to utf-16le"],
    ["iso-8859-1", Buffer.from(text()), "is not windows-1252: line 1, byte 18 begins a UTF-8 character.*to utf-8"],
    ["windows-1252", utf16(`\uFEFF${text()}`, "be"), "is not windows-1252: line 1, byte 1 is 0xFE.*to utf-16be"],
    ["utf-16le", Buffer.from(text()), "is not utf-16le: line 1, byte 2 is 0x65.*to utf-8"],
    ["utf-16le", utf16(text(), "be"), "is not utf-16le: line 1, byte 1 is 0x00.*to utf-16be"],
    [
      "shift_jis",
      windows1252(text("\u00ff")),
      "is not shift_jis: line 32, byte 1221 of the file is 0xFF.*the file's encoding",
    ],
  ])("the mapping's encoding: %s, file: %#", async (encoding, content, message) => {
    await expect(withEncoding(content, encoding)).rejects.toThrow(new RegExp(`payments.csv ${message}`));
  });

  test("single lines that are not UTF-8 are rejected, and the first one is named", async () => {
    const { yaml } = await inspect(Buffer.from(text()));
    const lines = text()
      .split("\r\n")
      .map((line) => Buffer.from(`${line}\r\n`));
    lines.splice(5, 1, windows1252("r4;2026-01-02T10:00:00Z;k1;M\u00fc;9,99\r\n"));
    lines.splice(8, 1, windows1252("r7;2026-01-02T10:00:00Z;k1;M\u00fc;9,99\r\n"));
    writeFileSync(join(folder, "payments.csv"), Buffer.concat(lines.slice(0, -1)));
    const { checked, rejects } = await check(yaml);
    expect(checked).toMatchObject({ rows: ROWS, accepted: ROWS - 2 });
    expect(checked.rejected).toEqual([
      { reason: "not UTF-8: line 6, byte 29 is 0xFC (the first one); see csv.encoding in the mapping", rows: 2 },
    ]);
    expect(rejects).toMatchObject([
      { line: 6, reason: "not UTF-8: line 6, byte 29 is 0xFC" },
      { line: 9, reason: "not UTF-8: line 9, byte 29 is 0xFC" },
    ]);
  });

  test("regression #28: invalid lines beyond the maximum are not read with replaced characters", async () => {
    const [file, copy] = [join(folder, "payments.csv"), join(folder, "copy.csv")];
    const valid = Buffer.from(`f,${"\u00fc".repeat(20)}\n`);
    writeFileSync(file, Buffer.concat([windows1252("ref,name\na,\u00fc\nb,\u00fc\nc,\u00fc\nd,\u00fc\n"), valid]));
    const { broken } = await repairCsv(file, copy, csvFormat({}), ",", 2);
    expect(broken.map(({ line }) => line)).toEqual([2, 3, 4]);
    expect(readFileSync(copy, "utf8")).toBe("ref,name\n");
  });

  test("a mapping with an unknown encoding is rejected", async () => {
    const { yaml } = await inspect(Buffer.from(text()));
    const given = yaml.replace("delimiter:", "encoding: latin-99\n  delimiter:");
    expect(() => parseMapping(given, "mapping.yaml")).toThrow("csv.encoding: must be an encoding such as windows-1252");
  });
});

describe("regression #28: only line breaks end a line", () => {
  const separators = "M\u00fc\u2028ller\u2029";

  test("a name with Unicode's line separators is one value in UTF-16", async () => {
    const { yaml } = await inspect(utf16(text(separators), "le"));
    expect((await check(yaml)).checked).toMatchObject({ rows: ROWS, accepted: ROWS });
  });

  test("in UTF-8, only the invalid line after such a name is rejected", async () => {
    const { yaml } = await inspect(Buffer.from(text(separators)));
    const invalid = windows1252("r40;2026-01-02T10:00:00Z;k1;M\u00fc;9,99\r\n");
    const more = Buffer.from(`r41;2026-01-02T10:00:00Z;k1;${separators};9,99\r\n`);
    writeFileSync(join(folder, "payments.csv"), Buffer.concat([Buffer.from(text(separators)), invalid, more]));
    const { checked, rejects } = await check(yaml);
    expect(checked).toMatchObject({ rows: ROWS + 2, accepted: ROWS + 1 });
    expect(rejects).toMatchObject([{ line: 42, reason: "not UTF-8: line 42, byte 30 is 0xFC" }]);
  });

  test("old line breaks, and line breaks between two chunks, end one line each", async () => {
    for (const [end, count] of [
      ["\r", 3],
      ["\r\n", 3],
      ["\n\r", 6],
    ] as const) {
      const lines = `a${end}b${end}c${end}`;
      const found: string[] = [];
      const bytes = Readable.from([...lines].map((one) => Buffer.from(one)));
      for await (const line of linesOf(bytes, "payments.csv")) found.push(line.toString());
      expect(found).toHaveLength(count);
      expect(found.filter((line) => line !== "")).toEqual(["a", "b", "c"]);
    }
  });

  test("a file without line breaks is rejected before all of it is in memory", async () => {
    let chunks = 0;
    function* endless() {
      for (; chunks < 100; chunks += 1) yield Buffer.alloc(1 << 20, "a");
    }
    const lines = linesOf(Readable.from(endless(), { objectMode: false }), "payments.csv");
    await expect(lines.next()).rejects.toThrow("payments.csv has a line of more than 4 MiB; check its line breaks.");
    expect(chunks).toBeLessThan(10);
  });
});
