import { hidesCardNumber, holdsCardNumber, maskDigits } from "./find-card-number.js";
import { withLuhnDigit } from "./identifiers.js";

/** Test numbers published by card brands and processors; they belong to nobody. */
const TEST_CARDS = [
  ["Visa", "4111111111111111"],
  ["Visa of 13 digits", "4222222222222"],
  ["Visa of 19 digits", withLuhnDigit("411111111111111111")],
  ["Mastercard", "5555555555554444"],
  ["Mastercard of the new range", "2223003122003222"],
  ["American Express", "378282246310005"],
  ["Diners Club", "30569309025904"],
  ["Discover", "6011111111111117"],
  ["JCB", "3530111333300000"],
  ["UnionPay", "6200000000000005"],
  ["UnionPay of 19 digits", "6205500000000000004"],
  ["Maestro", "6759649826438453"],
  ["Maestro of 12 digits", "501800000009"],
  ["Maestro of 19 digits", "6799990100000000019"],
  ["Bancontact", "67034200554565015"],
  ["Mir", withLuhnDigit("220012345678901")],
  ["RuPay", withLuhnDigit("608112345678901")],
  ["Elo", withLuhnDigit("509112345678901")],
  ["Troy", withLuhnDigit("979212345678901")],
] as const;

test.each(TEST_CARDS)("finds the number of %s alone, embedded in text and padded", (_brand, number) => {
  for (const text of [
    number,
    `order-${number}`,
    `order${number}x`,
    `t1-${number}-01`,
    `2026.${number}`,
    number.padStart(22, "0"),
    `${number}D2512`,
    `a\u00e9${number}`,
  ]) {
    expect([text, holdsCardNumber(text)]).toEqual([text, true]);
  }
});

test.each(TEST_CARDS)("ignores the number of %s with one digit changed", (_brand, number) => {
  const changed = number.slice(0, -1) + ((Number(number.at(-1)) + 1) % 10);
  expect(holdsCardNumber(changed)).toBe(false);
  expect(holdsCardNumber(`order-${changed}`)).toBe(false);
});

test.each([
  "4111-1111-1111-1111",
  "4111 1111 1111 1111",
  "4111.1111.1111.1111",
  "4111_1111_1111_1111",
  "4111:1111:1111:1111",
  "4111/1111/1111/1111",
  "4111 - 1111 - 1111 - 1111",
  "4111-1111 1111.1111",
  "41-11-11-11-11-11-11-11",
  "4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1",
  "411111-111111-1111",
  "3782-822463-10005",
  "3056 930902 5904",
  "620550 0000000000004",
  "6799-9901-0000-0000-019",
  "order-7-4111-1111-1111-1111-v2",
  "2026-11-24-4111-1111-1111-1111",
  "(4111)1111-1111-1111",
  // regression #24: digits of other scripts, and words between groups
  "４１１１１１１１１１１１１１１１",
  "４１１１-１１１１-1111-1111",
  "٤١١١١١١١١١١١١١١١",
  "4111 then 1111 and 1111, at last 1111",
  "the card 4111 and 1111 and 1111 and 1111 of Ada",
  "3782 then 822463 then 10005",
])("finds a card number in groups: %s", (text) => {
  expect(holdsCardNumber(text)).toBe(true);
});

test.each([
  "",
  "t-42",
  "order-1001",
  "4111111",
  "20261124120000123",
  "2026-11-24-12-00-00-123456",
  "4111x1111x1111x1111",
  "94111111111111111",
  "txn_0af7651916cd43dd8448eb211c80319c",
  // Contains 4111111111111111 between letters, but any run of digits occurs in some random id.
  "c04a4111111111111111b0fe",
  "b4111111-1111-4111-8fff-1111c0ffee11",
  "4512-20261124-0001",
  "4500123456-000010",
  "192.168.100.100",
  "DE89 3704 0044 0532 0130 00",
  "+49 4151 1234 5670",
  "In 2024 and 2025, 1200 and 1300",
])("finds no card number in %s", (text) => {
  expect(holdsCardNumber(text)).toBe(false);
});

describe("the false-positive rate for identifiers", () => {
  const DRAWS = 20_000;
  const DIGITS = "0123456789abcdef";
  // mulberry32: the same ids in every run.
  let seed = 0;
  const below = (max: number) => {
    seed = (seed + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % max;
  };
  const drawn = (count: number, base: number) => {
    let text = "";
    while (text.length < count) text += DIGITS[below(base)];
    return text;
  };
  const uuid = () => [drawn(8, 16), drawn(4, 16), `4${drawn(3, 16)}`, `8${drawn(3, 16)}`, drawn(12, 16)].join("-");

  beforeEach(() => {
    seed = 20_261_127;
  });

  function shareOf(draw: (index: number) => string): number {
    let refused = 0;
    for (let index = 0; index < DRAWS; index += 1) if (holdsCardNumber(draw(index))) refused += 1;
    return refused / DRAWS;
  }

  test.each([
    [12, 0.0001],
    [13, 0.0101],
    [14, 0.0048],
    [15, 0.0026],
    [16, 0.0355],
    [17, 0.0137],
    [18, 0.0215],
    [19, 0.0223],
  ])("is within 0.003 of its expectation for random numbers of %d digits: %d", (digits, share) => {
    expect(Math.abs(shareOf(() => drawn(digits, 10)) - share)).toBeLessThan(0.003);
  });

  test("is 3.5 % for four numbers of four digits in a sentence", () => {
    const said = () => `${drawn(4, 10)} and ${drawn(4, 10)}, then ${drawn(4, 10)} or ${drawn(4, 10)}`;
    expect(shareOf(said)).toBeLessThan(0.045);
  });

  test("is 0.1 % for trace IDs", () => {
    let hidden = 0;
    for (let index = 0; index < DRAWS; index += 1) if (hidesCardNumber(drawn(32, 16))) hidden += 1;
    expect(Math.abs(hidden / DRAWS - 0.001)).toBeLessThan(0.001);
  });

  /** Appends the required check digits. */
  function iban(country: string, account: string): string {
    const digits = [...`${account}${country}00`].map((character) => Number.parseInt(character, 36)).join("");
    return `${country}${String(98n - (BigInt(digits) % 97n)).padStart(2, "0")}${account}`;
  }

  test.each<[string, (index: number) => string]>([
    ["UUIDs", uuid],
    ["UUIDs with a prefix", () => `order_${uuid()}`],
    ["24 hexadecimal digits", () => drawn(24, 16)],
    ["32 hexadecimal digits", () => drawn(32, 16).toUpperCase()],
    ["milliseconds since the epoch", (index) => `order-${1_764_230_000_000 + index * 977}-${index}`],
    ["microseconds since the epoch", (index) => String(1_764_230_000_000_000 + index * 9_771)],
    ["dates and a number", (index) => `2026${String(index % 1_000).padStart(4, "0")}-${index}`],
    ["times of day", (index) => new Date(1_764_230_000_000 + index * 977_123).toISOString().replace(/[TZ]/g, "-")],
    ["11 digits", () => drawn(11, 10)],
    ["order numbers of 10 digits", (index) => `ORD-${drawn(10, 10)}/${index % 100}`],
    ["IBANs", () => iban("DE", drawn(18, 10))],
    ["IBANs in groups", () => iban("ES", drawn(20, 10)).replace(/(.{4})(?=.)/g, "$1 ")],
    ["telephone numbers", (index) => `+${[49, 44, 1, 353, 86][index % 5]}${drawn(10, 10)}`],
    ["telephone numbers in groups", () => `+49 ${drawn(3, 10)} ${drawn(4, 10)} ${drawn(4, 10)}`],
    ["telephone numbers without their country", () => `0${drawn(3, 10)} ${drawn(7, 10)}`],
  ])("is zero for %s", (_name, draw) => {
    expect(shareOf(draw)).toBe(0);
  });
});

test.each([
  ["colour", "colour"],
  ["my card 4111111111111111", "my card *"],
  ["4111-1111-1111-1111", "*"],
  ["card_4111 1111 1111 11", "card_*"],
  ["line 1234567", "line 1234567"],
])("the name %s is shown as %s", (name, shown) => {
  expect(maskDigits(name)).toBe(shown);
});

test.each([
  ["41111111111111110000000000000000", true],
  ["00004111111111111111abcdefabcdef", true],
  ["0af7651916cd43dd8448eb211c80319c", false],
])("regression #24: whether the id %s hides a card number: %s", (id, isHidden) => {
  expect(hidesCardNumber(id)).toBe(isHidden);
});
