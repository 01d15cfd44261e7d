import { OWN_MAPPING } from "../testing/own-payments.js";
import { parseMapping } from "./mapping.js";

const path = "/data/mapping.yaml";
const faultOf = (from: string, to: string) => () => parseMapping(OWN_MAPPING.replace(from, to), path);

test("resolves the file relative to the mapping, detects its format, and converts durations to milliseconds", () => {
  const mapping = parseMapping(OWN_MAPPING, path);
  expect(mapping).toMatchObject({ file: "/data/payments.csv", format: "csv", label: { delay: 2 * 86_400_000 } });
  expect(mapping.fields.occurred_at).toMatchObject({ step: 3_600_000, start: Date.UTC(2026, 0, 1), time_zone: "UTC" });
  expect(parseMapping(OWN_MAPPING.replace("payments.csv", "p.jsonl.zst"), path).format).toBe("ndjson");
});

test("regression #28: lists the commands for a field that was declared but not generated", () => {
  const content = OWN_MAPPING.replace("fields:", "fields:\n  product_line: { column: line }");
  const parse = (declared: string[]) => () => parseMapping(content, path, declared);
  expect(parse(["product_line"])).toThrow(
    "fields: product_line is in payment.yaml but not in the generated code. Run `npx tripline generate && npx tsc -b",
  );
  expect(parse([])).toThrow("product_line is unknown. Known fields:");
});

test.each([
  ["file: payments.csv", "", /file: is missing/],
  ["transaction_id: { column: ref }", "transaction_id: {}", /transaction_id: must have exactly one of column and row/],
  ["holds: id", "holds: name", /card\.holds: must be number, token or id/],
  ["  card: { column: customer, holds: id }\n", "", /fields\.card: is missing/],
  ["terminal_id:", "terminal:", /terminal is unknown\. Known fields: transaction_id, card, .*terminal_id/],
  ["constant: EUR", "constant: euro", /currency\.constant: must be an ISO 4217 code/],
  [", start: 2026-01-01T00:00:00Z", "", /occurred_at: needs both step and start/],
  ["step: 1h, start: 2026-01-01T00:00:00Z", "format: DD.MM", /format must be iso, epoch_s, epoch_ms or a format/],
  ["step: 1h, start: 2026-01-01T00:00:00Z", "format: iso, time_zone: Mars", /time_zone: must be a time zone/],
  ["step: 1h", "step: hourly", /step: must be a duration such as 1s/],
  ["  delay: 2d\n", "", /label: needs a delay such as 7d, or reported_at/],
  ['decimal: ","', 'decimal: ";"', /amount\.decimal: must be "\." or ","/],
  ["fields:", "fields: [", /is not YAML/],
])("rejects a mapping with %s replaced by %s, and says why", (from, to, sentence) => {
  expect(faultOf(from, to)).toThrow(sentence);
});
