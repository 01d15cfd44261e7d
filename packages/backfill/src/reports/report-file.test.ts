import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { cardToken } from "@tripline/contracts/identifiers";
import type { FileReport } from "./report-file.js";
import { ReportFile } from "./report-file.js";
import { parseReportMapping } from "./report-mapping.js";

const KEY = { key: Buffer.alloc(32, 7), tenant: "acme" };
const CARD = "4111111111111111";
const MAPPING = `
report:
  report_id: { column: FRAUD_ID }
  kind: { column: TYPE, values: { "0": tc40, "1": early_warning, CB: chargeback } }
  stage: { column: STAGE, values: { "1": received, "2": lost } }
  card: { column: PAN, holds: number }
  amount: { column: AMOUNT, decimal: "," }
  currency: { column: CUR }
  occurred_at: { column: PURCHASE_DATE, format: "%d%m%Y" }
  reported_at: { column: POSTED, format: iso }
  acquirer_reference: { column: ARN }
  authorisation_code: { column: AUTH }
  reason_code: { column: REASON }
`;
const HEADER = "FRAUD_ID;TYPE;STAGE;PAN;AMOUNT;CUR;PURCHASE_DATE;POSTED;ARN;AUTH;REASON";
const ROWS = [
  `F1;0;1;${CARD};12,99;EUR;29022024;2024-03-02;24692164001000123456789;A1B2C3;`,
  `F2;CB;2;4111 1111 1111 1111;1299;JPY;01032024;2024-04-02T10:00:00Z;;;10.4`,
  `F3;7;1;${CARD};5;EUR;01032024;2024-03-02;;;`,
  `F4;0;1;4111111111111112;5;EUR;01032024;2024-03-02;;;`,
  `F1;0;1;${CARD};5;EUR;01032024;2024-03-02;;;`,
  `F5;0;1;${CARD};5;EUR;31022024;2024-03-02;;;`,
  `${CARD};0;1;${CARD};5;EUR;01032024;2024-03-02;;;`,
];
const CSV = Buffer.from([HEADER, ...ROWS, ""].join("\n"));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tripline-reports-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function all(reports: AsyncIterable<FileReport>): Promise<FileReport[]> {
  const found: FileReport[] = [];
  for await (const report of reports) found.push(report);
  return found;
}

async function read(name: string, content: Buffer, refused: readonly [number, string][] = [], yaml = MAPPING) {
  writeFileSync(join(folder, name), content);
  const file = await ReportFile.open(parseReportMapping(yaml, "mapping.yaml", join(folder, name)), KEY);
  try {
    const reports = await all(file.reports());
    const last = await all(file.reports(1));
    await file.writeRejects(refused, join(folder, "rejects.ndjson"));
    return { reports, last, mapped: file.mapped, rejects: readFileSync(join(folder, "rejects.ndjson"), "utf8") };
  } finally {
    await file.close();
  }
}

test.each([
  ["tc40 Feb.csv", CSV],
  ["tc40.csv.gz", gzipSync(CSV)],
  ["tc40.csv.zst", zstdCompressSync(CSV)],
])("converts %s to requests with tokens, and rejects each bad row with its line and reason", async (name, content) => {
  const { reports, last, mapped, rejects } = await read(name, content, [[1, "The API rejected it."]]);
  const card = { token: cardToken(KEY.key, KEY.tenant, CARD) };
  const file = name.replace(" ", "_");
  expect(reports).toEqual([
    {
      row: 0,
      request: {
        report_id: "F1",
        version: 1,
        card,
        amount: { minor: 1_299, currency: "EUR" },
        occurred_at: "2024-02-29T00:00:00.000Z",
        reported_at: "2024-03-02T00:00:00.000Z",
        kind: "tc40",
        acquirer_reference: "24692164001000123456789",
        authorisation_code: "A1B2C3",
        file,
      },
    },
    {
      row: 1,
      request: {
        report_id: "F2",
        version: 1,
        card,
        amount: { minor: 1_299, currency: "JPY" },
        occurred_at: "2024-03-01T00:00:00.000Z",
        reported_at: "2024-04-02T10:00:00.000Z",
        kind: "chargeback",
        stage: "lost",
        reason_code: "10.4",
        file,
      },
    },
  ]);
  expect(last).toEqual(reports.slice(1));
  expect(mapped).toMatchObject({ rows: 7, accepted: 2 });
  const lines = rejects
    .trim()
    .split("\n")
    .map((line): { line: number; reason: string } => JSON.parse(line));
  expect(lines.map(({ line, reason }) => [line, reason])).toEqual([
    [3, "The API rejected it."],
    [4, expect.stringMatching(/^the column TYPE must have a value that kind\.values maps to one of chargeback, tc40/)],
    [5, expect.stringMatching(/^the card is not a card number/)],
    [6, "an earlier row has the same report_id and version"],
    [7, expect.stringMatching(/^occurred_at cannot be read as a time of the form %d%m%Y/)],
    [8, "report_id looks like a card number"],
  ]);
  expect(rejects).not.toMatch(/4111 ?1111 ?1111 ?111/);
});

test("regression #30: two stages and a withdrawal of a dispute are versions, and only chargebacks need a stage", async () => {
  const rows = [
    `F1;CB;1;${CARD};5;EUR;01032024;2024-03-02;;;;1;`,
    `F1;CB;2;${CARD};5;EUR;01032024;2024-03-09;;;;2;`,
    `F1;CB;2;${CARD};5;EUR;01032024;2024-03-12;;;;3;W`,
    `F1;CB;2;${CARD};5;EUR;01032024;2024-03-12;;;;3;W`,
    `F2;0;;${CARD};5;EUR;01032024;2024-03-02;;;;1;`,
    `F3;CB;;${CARD};5;EUR;01032024;2024-03-02;;;;1;`,
    `F4;0;;${CARD};5;EUR;01032024;2024-03-02;;;;x;`,
    `F5;0;;${CARD};5;EUR;01032024;2024-03-02;;;;1;X`,
    `F6;0;;${CARD};5;EUR;01032024;2024-03-02;;;${CARD};1;`,
  ];
  const yaml = `${MAPPING}  version: { column: VERSION }\n  withdrawn: { column: STATUS, values: { W: true } }\n`;
  const csv = Buffer.from([`${HEADER};VERSION;STATUS`, ...rows, ""].join("\n"));
  const { reports, mapped } = await read("stages.csv", csv, [], yaml);
  expect(
    reports.map(({ request: { report_id, version, stage, withdrawn } }) => [report_id, version, stage, withdrawn]),
  ).toEqual([
    ["F1", 1, "received", undefined],
    ["F1", 2, "lost", undefined],
    ["F1", 3, "lost", true],
    ["F2", 1, undefined, undefined],
  ]);
  expect(mapped.rejected.map(({ reason }) => reason).toSorted()).toEqual([
    "an earlier row has the same report_id and version",
    "reason_code looks like a card number",
    "the column STAGE must have a value that stage.values maps to one of received, represented, won, lost",
    "the column STATUS has a value that is missing from withdrawn.values",
    "the column VERSION must contain a version: a whole number from 1 to 1000000",
  ]);
});

test("regression #30: a version that the API would reject is rejected while reading", async () => {
  const rows = ["1000000", "20240302"].map((version, n) => `F${n};0;;${CARD};5;EUR;01032024;2024-03-02;;;;${version}`);
  const csv = Buffer.from([`${HEADER};VERSION`, ...rows, ""].join("\n"));
  const { reports } = await read("versions.csv", csv, [], `${MAPPING}  version: { column: VERSION }\n`);
  expect(reports.map(({ request }) => request.version)).toEqual([1_000_000]);
});

test.each([
  ["kind: {", "sort: {", /report\.kind: .*sort is unknown/],
  ["CB: chargeback", "CB: rumour", /report\.kind/],
  ["card: { column: PAN, holds: number }", "card: { column: PAN }", /report\.card\.holds/],
])("rejects a mapping with %s replaced by %s, and says why", (from, to, sentence) => {
  expect(() => parseReportMapping(MAPPING.replace(from, to), "mapping.yaml", "tc40.csv")).toThrow(sentence);
});
