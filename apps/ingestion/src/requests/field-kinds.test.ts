import { z } from "zod";
import * as kinds from "./field-kinds.js";

const WORDS = "what it is.";
const LINE = "x".repeat(128);
const CARD = "4111111111111111";

const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index + 10}`, index]));

/** A kind, the values that it accepts with their normalised forms, and the values that it rejects. */
const KINDS: [string, z.ZodType, [unknown, unknown][], unknown[]][] = [
  ["identifier", kinds.identifier(WORDS), [["t-42", "t-42"]], ["", "a b", "x".repeat(65), CARD, 42]],
  [
    "text",
    kinds.text(WORDS),
    [
      ["Zoë's 📱", "Zoë's 📱"],
      [LINE, LINE],
    ],
    ["", `${LINE}x`, "a\nb", "\ud800", CARD],
  ],
  ["replacedText", kinds.replacedText(WORDS), [["d 1", "d 1"]], ["", CARD]],
  ["sealedText", kinds.sealedText(WORDS), [["Ada Lovelace", "Ada Lovelace"]], ["", CARD]],
  ["ipAddress", kinds.ipAddress(WORDS), [["2001:DB8:0::1", "2001:db8::1"]], ["203.0.113", ""]],
  ["email", kinds.email(WORDS), [["Ada+x@Example.com", "ada@example.com"]], ["ada", `${CARD}@example.com`]],
  [
    "phone",
    kinds.phone(WORDS),
    [
      ["+32470123456", "+32470123456"],
      ["+44 (0)20 7946-0958", "+442079460958"],
      ["+1.415.555.2671", "+14155552671"],
    ],
    ["0470123456", "0032470123456", "+32", "+0470123456", `+${CARD}`, "+378282246310005", "+32 abc", ""],
  ],
  [
    "postalCode",
    kinds.postalCode(WORDS),
    [
      ["sw1a 1aa", "SW1A1AA"],
      ["94107-1234", "941071234"],
    ],
    ["1", "12345678901", "10_00", CARD, ""],
  ],
  ["mcc", kinds.mcc(WORDS), [["0742", "0742"]], ["742", "57320", "abcd", 5732]],
  ["eci", kinds.eci(WORDS), [["05", "05"]], ["5", "005", 5]],
  [
    "version",
    kinds.version(WORDS),
    [
      ["2.2.0", "2.2.0"],
      ["1.0", "1.0"],
    ],
    ["2", "v2.1", "2.1.0.0", 2.1],
  ],
  ["count", kinds.count([0, 9], WORDS), [[0, 0]], [-1, 10, 1.5, "3"]],
  [
    "attributes",
    kinds.attributes(WORDS),
    [
      [{ tier: "gold", gift: true, Items: -1.5 }, '{"Items":-1.5,"gift":true,"tier":"gold"}'],
      [JSON.parse('{"__proto__":"x","a":""}'), '{"__proto__":"x","a":""}'],
      [{ ["📱".repeat(64)]: "📱".repeat(256) }, `{"${"📱".repeat(64)}":"${"📱".repeat(256)}"}`],
      [many(32), `{${Array.from({ length: 32 }, (_, index) => `"n${index + 10}":${index}`).join(",")}}`],
      [{}, undefined],
    ],
    [
      ...[null, "a", 1, [], many(33), { "": 1 }, { [`${LINE}`]: 1 }, { "a\nb": 1 }, { "\ud800": 1 }, { [CARD]: 1 }],
      ...[{ a: null }, { a: {} }, { a: ["b"] }, { a: LINE.repeat(2).concat("x") }, { a: "b\0" }, { a: "\ud800" }],
      ...[{ a: Number.POSITIVE_INFINITY }, { a: 2 ** 53 }, { a: CARD }, { a: `my card ${CARD}` }, { a: Number(CARD) }],
      Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`n${index}`, "é".repeat(130)])),
    ],
  ],
  ["country", kinds.country(WORDS), [["BE", "BE"]], ["be", "ZZ", ""]],
  ["choice", kinds.choice(["web", "shop"], WORDS), [["web", "web"]], ["Web", "", null]],
  [
    "wholeNumber",
    kinds.wholeNumber(WORDS),
    [
      [-3, -3],
      [2 ** 53 - 1, 2 ** 53 - 1],
    ],
    [1.5, 2 ** 53, "3", Number.NaN],
  ],
  ["number", kinds.number(WORDS), [[1.5, 1.5]], ["1.5", Number.POSITIVE_INFINITY, Number.NaN]],
  ["boolean", kinds.boolean(WORDS), [[false, false]], ["false", 0]],
  [
    "time",
    kinds.time(WORDS),
    [["2026-01-01T01:00:00+01:00", Date.UTC(2026, 0)]],
    ["2026-01-01", 0, "1960-01-01T00:00:00Z"],
  ],
  [
    "coordinates",
    kinds.coordinates(WORDS),
    [
      [
        { latitude: -90, longitude: 180 },
        { latitude: -90, longitude: 180 },
      ],
    ],
    [{ latitude: 91, longitude: 0 }, { latitude: 1 }, { latitude: 1, longitude: 2, altitude: 3 }, "1,2"],
  ],
];

describe.each(KINDS)("%s", (_name, kind, accepted, rejected) => {
  // Compiled as in ingestion, which does not start if a kind cannot be compiled.
  const body = z.compile(z.strictObject({ field: kind.optional() }), { strict: true });

  test("accepts and normalises", () => {
    for (const [value, made] of accepted) expect(body.parse({ field: value })).toEqual({ field: made });
    expect(body.parse({})).toEqual({});
  });

  test.each(rejected)("rejects %j without repeating it", (value) => {
    const { error } = body.safeParse({ field: value });
    expect(error?.issues[0]?.path[0]).toBe("field");
    expect(error?.issues[0]?.message).not.toContain(CARD);
  });

  test("has a description", () => {
    const described = JSON.stringify(z.toJSONSchema(z.strictObject({ field: kind }), { io: "input" }));
    expect(described).toContain(WORDS);
  });
});
