import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { checkFile } from "./check-file.js";
import { countryCode, plainNames, yesOrNo } from "./column-words.js";
import { inspectFile } from "./inspect-file.js";
import { parseMapping } from "./mapping.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tripline-words-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = 30;

/** Columns: id, time, card, amount, merchant, country of the card, test flag, fraud, and date of the report. */
const EXPORTS = {
  German: {
    header: "Belegnummer;Zeitpunkt;Kartennummer;Betrag;Händler-ID;Kartenland;Betrug;Betrugsdatum",
    ...{ countries: ["Deutschland", "Österreich"], answers: ["Ja", "Nein"] },
  },
  French: {
    header:
      "N° de transaction;Date de la transaction;Numéro de carte;Montant;ID commerçant;Pays de la carte;Fraude;Date de la fraude",
    ...{ countries: ["Allemagne", "Autriche"], answers: ["Oui", "Non"] },
  },
  Spanish: {
    header: "Id de operación;Fecha;Número de tarjeta;Importe;Comercio;País de la tarjeta;Es fraude;Fecha del fraude",
    ...{ countries: ["Alemania", "AT"], answers: ["Sí", "No"] },
  },
  Portuguese: {
    header: "id_pagamento;data;numero_cartao;valor;comerciante;pais_cartao;fraude;data_fraude",
    ...{ countries: ["Alemanha", "Áustria"], answers: ["S", "N"] },
  },
  numeric: {
    header: "id;timestamp;card;amount;merchant;card_country;is_fraud;fraud_date",
    ...{ countries: ["276", "40"], answers: ["Y", "N"] },
  },
};

test.each(Object.entries(EXPORTS))(
  "maps a file with %s names and values",
  async (_, { header, countries, answers }) => {
    const columns = header.split(";");
    const lines = Array.from({ length: ROWS }, (_unused, index) => {
      const [country, answer] = [countries[index % 2], answers[index % 3 === 0 ? 0 : 1]];
      return `p${index};2026-01-02T10:00:00Z;4111 1111 1111 1111;9,99;m1;${country};${answer};2026-02-03T00:00:00Z`;
    });
    const file = join(folder, "payments.csv");
    writeFileSync(file, `${[header, ...lines].join("\n")}\n`);
    const { fields, label, yaml } = await inspectFile(file, folder);
    expect(fields).toMatchObject({
      transaction_id: { column: columns[0] },
      occurred_at: { column: columns[1] },
      card: { column: columns[2], holds: "number" },
      amount: { column: columns[3], decimal: "," },
      card_country: { column: columns[5] },
    });
    expect(Object.values(fields)).toContainEqual({ column: columns[4] });
    expect(label).toMatchObject({
      ...{ column: columns[6], fraud: [answers[0]], genuine: [answers[1]] },
      reported_at: { column: columns[7] },
    });
    const values = fields.card_country?.values as Record<string, string>;
    expect(countries.map((text) => values[text] ?? text)).toEqual(["DE", "AT"]);
    const mapping = parseMapping(yaml, join(folder, "mapping.yaml"));
    const options = { key: Buffer.alloc(32), tenant: "t", spec: currentFeatureSpec(), rejectsPath: join(folder, "r") };
    await expect(checkFile({ mapping, ...options })).resolves.toMatchObject({ rows: ROWS, accepted: ROWS, frauds: 10 });
  },
);

test.each([
  ["Card Number", "cardnumber"],
  ["pays_emetteur", "issuercountry"],
  ["Rechnungsland", "billingcountry"],
  ["Kundennummer", "customernumber"],
  ["Währungscode", "currencycode"],
  ["clientIp", "clientip"],
  ["Adresse IP", "ipaddress"],
])("the column %s can be read as %s", (column, name) => {
  expect(plainNames(column)).toContain(name);
});

test("English names have one form", () => {
  for (const name of ["Card Number", "is_fraud", "merchLat", "Chargeback Date"]) {
    expect(plainNames(name)).toEqual([name.toLowerCase().replaceAll(/[^a-z]/g, "")]);
  }
});

test.each([
  ["S", ["S", "N"], true],
  ["O", ["O", "F", "A"], undefined],
  ["y", ["y"], true],
  ["Não", ["Não", "Sim"], false],
  ["maybe", ["maybe"], undefined],
])("%s among %j means %s", (text, all, expected) => expect(yesOrNo(text, all)).toBe(expected));

test.each([
  ["be", "BE"],
  ["056", "BE"],
  ["USA", "US"],
  ["Estados Unidos", "US"],
  ["999", undefined],
  ["Shop", undefined],
])("the code of the country %s is %s", (text, code) => expect(countryCode(text)).toBe(code));
