import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parse, stringify } from "yaml";
import { ownCsv } from "../testing/own-payments.js";
import { checkFile } from "./check-file.js";
import type { Declaration } from "./declare-field.js";
import { addField } from "./declare-field.js";
import { inspectFile } from "./inspect-file.js";
import { parseMapping } from "./mapping.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tripline-inspect-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function inspect(content: string, declarations: readonly Declaration[] = []) {
  const file = join(folder, "payments.csv");
  writeFileSync(file, content);
  return inspectFile(file, folder, declarations);
}

test("the proposal for a file with a different schema can be used unchanged", async () => {
  const inspection = await inspect(ownCsv({ days: 20, perDay: 50 }));
  expect(inspection.fields).toMatchObject({
    transaction_id: { column: "ref" },
    card: { column: "customer", holds: "id" },
    terminal_id: { column: "merchant" },
    amount: { column: "total", unit: "major", decimal: "," },
    currency: { constant: "EUR" },
    occurred_at: { column: "hour", step: "1h", start: "2026-01-01T00:00:00Z" },
  });
  expect(inspection.label).toMatchObject({ column: "fraudulent", fraud: ["yes"], genuine: ["no"], delay: "7d" });
  expect(inspection.unused).toEqual(["kind"]);
  expect(inspection.unmapped).toContain("email");
  expect(inspection.notes.join("\n")).toMatch(
    /hour counts steps.*\n.*EUR is a guess|EUR is a guess[\s\S]*hour counts steps/,
  );
  expect(inspection.notes).toEqual(
    expect.arrayContaining([
      "card: customer is used as the card, which is a guess",
      "terminal_id: merchant is used as the terminal, which is a guess",
    ]),
  );
  const mapping = parseMapping(inspection.yaml, join(folder, "mapping.yaml"));
  const key = Buffer.alloc(32);
  const rejectsPath = join(folder, "r");
  const checked = await checkFile({ mapping, key, tenant: "t", spec: currentFeatureSpec(), rejectsPath });
  expect(checked).toMatchObject({ rows: 1_000, accepted: 1_000 });
});

const rows = (line: (index: number) => string) => Array.from({ length: 30 }, (_, index) => line(index)).join("\n");

test.each([
  ["ISO", "2026-01-02T03:04:05Z", { format: "iso" }],
  ["seconds", "1767300000", { format: "epoch_s" }],
  ["milliseconds", "1767300000000", { format: "epoch_ms" }],
  ["day first", "23/01/2026 10:00", { format: "%d/%m/%Y %H:%M" }],
  ["month first", "01/23/2026 10:00", { format: "%m/%d/%Y %H:%M" }],
])("a time: %s", async (_, value, expected) => {
  const { fields, notes } = await inspect(
    `id,timestamp,amount,card_number\n${rows((index) => `${index},${value},1.5,4111111111111111`)}\n`,
  );
  expect(fields.occurred_at).toEqual({ column: "timestamp", ...expected });
  expect(fields.card).toEqual({ column: "card_number", holds: "number" });
  expect(notes.join("\n")).not.toMatch(/card:/);
});

test("for a file without ids, cards and labels, the proposal says what to fill in", async () => {
  const { fields, notes, yaml } = await inspect(
    `when,value\n${rows((index) => `2026-01-01T00:00:${10 + index}Z,${index}`)}\n`,
  );
  expect(fields.transaction_id).toEqual({ row: "row-" });
  expect(fields.card).toBeUndefined();
  expect(notes.join("\n")).toMatch(/card: name the column that identifies the card/);
  expect(notes.join("\n")).not.toMatch(/terminal_id/);
  expect(notes.join("\n")).toMatch(/no column says which payments were fraud/);
  expect(() => parseMapping(yaml, "mapping.yaml")).toThrow(/fields\.card: is missing/);
});

test("cleans merchant names that are not identifiers, and recognises markers of missing values", async () => {
  const { fields, yaml } = await inspect(
    `id,date,amount,customer_id,merchant,email\n${rows((index) => `${index},2026-01-01,9.99,c${index},Shop & Sons,${index % 2 ? "NA" : "ada@example.com"}`)}\n`,
  );
  expect(fields).toMatchObject({ terminal_id: { column: "merchant", clean: true }, email: { column: "email" } });
  expect(yaml).toMatch(/missing:.*NA/s);
});

describe("a declared column", () => {
  const header = "id,date,amount,customer_id,Basket Kind,items,contact";
  const lines = rows((index) => {
    const kind = index === 29 ? "gift_card" : ["games", "", "NA"][index % 3];
    return `${index},2026-01-01,9.99,c${index},${kind},${index},ada@example.com`;
  });
  const declare = (column: string, type: Declaration["type"]) => inspect(`${header}\n${lines}\n`, [{ column, type }]);

  test("becomes a field with the next free number and all values in the file", async () => {
    const { fields, declared, unused, yaml } = await declare("Basket Kind", "enum");
    expect(fields).toMatchObject({ basket_kind: { column: "Basket Kind" } });
    expect(yaml).toMatch(/basket_kind:\s[^#]*column: Basket Kind/);
    expect(unused).not.toContain("Basket Kind");
    const before =
      "fields:\n  - { name: a, path: a, number: 7 }\n  - { name: b, columns: { latitude: 8, longitude: 9 } }\n";
    const [field] = declared;
    const after = field && addField(`${before}\nretired_numbers: [11]\n`, field);
    expect(after && parse(after)).toEqual({
      ...parse(`${before}\nretired_numbers: [11]\n`),
      fields: [
        expect.objectContaining({ name: "a" }),
        expect.objectContaining({ name: "b" }),
        {
          ...{ name: "basket_kind", path: "basket_kind", number: 12, type: "enum", values: ["games", "gift_card"] },
          ...{ class: "behavioural", title: "Basket kind", description: "The column Basket Kind of your files." },
          ...{ example: "games", uses: ["rule", "feature_filter", "model_category", "console"] },
        },
      ],
    });
    expect(() => field && addField(after ?? "", field)).toThrow("payments already have basket_kind; map the column");
  });

  test.each([
    ["shop", "text", 'the file has no column "shop"'],
    ["items", "boolean", '"2" does not have this type'],
    ["items", "enum", '"0" does not begin with a letter'],
    ["contact", "text", "it seems to contain personal data, which must not be stored as plain text. Use the token"],
  ] as const)("%s:%s is rejected", async (column, type, message) => {
    await expect(declare(column, type)).rejects.toThrow(`--declare ${column}:${type}: ${message}`);
  });
});

describe("regression #28: an export with its own names, codes and formats", () => {
  const header = "Beleg;Zeitpunkt;Kartennr;Shop;Channel;Wert EUR;Stufe;Konto;Chargeback;Chargeback Date";
  const COUNT = 10_050;
  const pad = (value: number) => String(value).padStart(2, "0");
  const line = (index: number) => {
    // The only fraud comes after the sampled rows.
    const label = index === COUNT - 1 ? "Y;24.01.2024" : "N;";
    const clock = `${pad(index % 24)}:${pad(index % 60)}:00`;
    return `A${index};13.01.2024 ${clock};4111 1111 1111 1111;S-1;${["pos", "web"][index % 2]};1.0${pad(index % 60)},99;${["Gold", "Silber"][index % 2]};KT-${index % 9};${label}`;
  };
  const content = `${[header, ...Array.from({ length: COUNT }, (_, index) => line(index))].join("\r\n")}\r\n`;

  test("columns are found by their values, labels in the whole file, and codes are named", async () => {
    const { fields, label, notes } = await inspect(content);
    expect(fields).toMatchObject({
      transaction_id: { column: "Beleg" },
      card: { column: "Kartennr", holds: "number" },
      occurred_at: { column: "Zeitpunkt", format: "%d.%m.%Y %H:%M:%S" },
      amount: { column: "Wert EUR", decimal: "," },
    });
    const reported = { column: "Chargeback Date", format: "%d.%m.%Y" };
    expect(label).toMatchObject({ column: "Chargeback", fraud: ["Y"], genuine: ["N"], reported_at: reported });
    expect(notes.join("\n")).toContain("occurred_at: Zeitpunkt has no time zone; UTC is a guess");
    expect(notes.join("\n")).toMatch(
      /channel: Channel has the values pos, web; add channel: \{ column: Channel, values: \{ pos: ecommerce, … \} \}, with/,
    );
  });

  test("an enum may have values that are not names, and a token keeps an account number out of payment.yaml", async () => {
    const { yaml, declared } = await inspect(content, [
      { column: "Stufe", type: "enum" },
      { column: "Konto", type: "token" },
    ]);
    expect(parse(yaml).fields.stufe).toEqual({ column: "Stufe", values: { Gold: "gold", Silber: "silber" } });
    const before = "fields:\n  - { name: k_token, path: k, number: 7, sealed: 3, token: { prefix: ko, word: k } }\n";
    const after = parse(declared.reduce(addField, before)) as { fields: object[] };
    expect(after.fields.slice(1)).toEqual([
      expect.objectContaining({ name: "stufe", type: "enum", values: ["gold", "silber"], example: "gold" }),
      expect.objectContaining({
        ...{
          name: "konto_token",
          path: "konto",
          type: "token",
          number: 9,
          sealed: 4,
          class: "personal",
          subject: true,
        },
        ...{ token: { prefix: "kn", word: "konto" }, example: "konto-1" },
      }),
    ]);
  });

  test("a label column is not unique just because its values were read once", async () => {
    const { fields, unused } = await inspect(
      `when,total,customer,is_fraud,chargeback\n${rows((index) => `2026-01-01T00:00:00Z,9.99,c${index % 3},${index % 2},${index % 4 ? "N" : "Y"}`)}\n`,
    );
    expect(fields.transaction_id).toEqual({ row: "row-" });
    expect(unused).toContain("chargeback");
  });

  test("the order of day and month is read from dates of the whole file", async () => {
    const dated = (index: number) =>
      `${index},2026-01-01T00:00:00Z,9.99,c1,0,01/${pad(1 + (index % 28))}/2026 ${pad(index % 24)}:${pad(index % 59)}`;
    const lines = Array.from({ length: 4_000 }, (_, index) => dated(index));
    const { label, notes } = await inspect(`id,when,total,customer,is_fraud,reported_at\n${lines.join("\n")}\n`);
    expect(label?.reported_at).toEqual({ column: "reported_at", format: "%m/%d/%Y %H:%M" });
    expect(notes.join("\n")).not.toMatch(/month before the day/);
    expect(notes.join("\n")).toMatch(/reported_at: reported_at has no time zone; UTC is a guess/);
  });

  test("a note says that the order of day and month, or the time zone, is a guess", async () => {
    const { notes, yaml } = await inspect(
      `id,when,total,customer,is_fraud,reported_at\n${rows((index) => `${index},2026-01-02 14:05:00,9.99,c1,0,03/04/2026`)}\n`,
    );
    expect(notes).toEqual(
      expect.arrayContaining([
        "reported_at: reported_at may have the month before the day; %d/%m/%Y is a guess",
        "reported_at: reported_at has no time zone; UTC is a guess, so add time_zone if it is local time",
        "occurred_at: when has no time zone; UTC is a guess, so add time_zone if it is local time",
      ]),
    );
    expect(yaml).toMatch(/^# CHECK reported_at: reported_at may have the month before the day/m);
    const zoned = await inspect(`id,when,total\n${rows((index) => `${index},2026-01-02T14:05:00+01,9.99`)}\n`);
    expect(zoned.notes.join("\n")).not.toMatch(/time zone/);
  });

  test.each([
    ["1'234.50", undefined],
    ["1 234.50", undefined],
    ["1\u00a0234.50", undefined],
    ["1'234,50", ","],
    ["1\u00a0234,50", ","],
    ["1.234,50", ","],
  ])("the amount %s is read by the proposed mapping", async (total, decimal) => {
    const { fields, yaml } = await inspect(
      `id;when;customer;shop;fee;total\n${rows((index) => `${index};2026-01-02T14:05:00Z;c1;s1;0.50;${total}`)}\n`,
    );
    expect(fields.amount).toEqual({ column: "total", unit: "major", ...(decimal === undefined ? {} : { decimal }) });
    const mapping = parseMapping(yaml, join(folder, "mapping.yaml"));
    const rejectsPath = join(folder, "r");
    const options = { mapping, key: Buffer.alloc(32), tenant: "t", spec: currentFeatureSpec(), rejectsPath };
    await expect(checkFile(options)).resolves.toMatchObject({ rows: 30, accepted: 30 });
  });

  test.each([
    ["account", "account_id; map the column to it"],
    ["account_token", "account_id; map the column to it"],
    ["postal", "billing_postal; map the column to it"],
    ["latitude", "coordinates; map the column to it"],
    ["has_note", "has_note."],
  ])("a column %s whose field or token exists is not added", (name, why) => {
    const before = stringify({
      fields: [
        { name: "account_token", path: "account_id", number: 7, token: { prefix: "at", word: "account" } },
        { name: "billing_token", path: "billing_postal", number: 8, token: { prefix: "zt", word: "postal" } },
        { name: "coordinates", path: "coordinates", columns: { latitude: 9, longitude: 10 } },
        { name: "has_note", number: 11 },
      ],
    });
    const field = { column: name, type: "token", name, example: `${name}-1` } as const;
    expect(() => addField(before, field)).toThrow(`--declare ${name}:token: payments already have ${why}`);
  });
});
