import { createHmac, randomBytes } from "node:crypto";
import { domainToASCII } from "node:url";
import {
  binOf,
  CARD_TOKEN_PATTERN,
  cardToken,
  hmacSha256,
  keyedToken,
  networkOf,
  normalAddress,
  normalEmail,
  normalPhone,
  normalPostalCode,
  paymentUpdateId,
  subjectField,
} from "./identifiers.js";

const KINDS = ["ip", "network", "email", "device", "account", "phone", "fingerprint", "postal_code"] as const;
const TOKEN_MAKERS = KINDS.map(
  (kind) => (key: Uint8Array, tenant: string, text: string) => keyedToken(kind, key, tenant, text),
);

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

/** Test cases with text data from RFC 4231 section 4: name, key, data, HMAC-SHA-256. Only test case 5 is truncated. */
const VECTORS: [string, Buffer, string, string][] = [
  [
    "test case 1",
    bytes("0b".repeat(20)),
    "Hi There",
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  ],
  [
    "test case 2, a key shorter than the output",
    Buffer.from("Jefe"),
    "what do ya want for nothing?",
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  ["test case 5, cut to 128 bits", bytes("0c".repeat(20)), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"],
  [
    "test case 6, a key longer than a block",
    bytes("aa".repeat(131)),
    "Test Using Larger Than Block-Size Key - Hash Key First",
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    "test case 7, key and data longer than a block",
    bytes("aa".repeat(131)),
    "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
];

describe("hmacSha256", () => {
  test.each(VECTORS)("RFC 4231 %s", (_name, key, data, expected) => {
    expect(hmacSha256(key, data).slice(0, expected.length)).toBe(expected);
  });

  test("equals createHmac for keys and texts of every length around the block size, and for long texts", () => {
    const wrong: [number, number][] = [];
    for (let keyBytes = 0; keyBytes <= 140; keyBytes += 1) {
      const key = randomBytes(keyBytes);
      for (const length of [...Array(141).keys(), 2_000, 1_000]) {
        const text = randomBytes(length).toString("latin1") + (length % 3 === 0 ? "\u{1F4F1}" : "");
        const expected = createHmac("sha256", key).update(text).digest("hex");
        if (hmacSha256(key, text) !== expected) wrong.push([keyBytes, length]);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe("tokens", () => {
  const key = Buffer.alloc(32, 7);
  const macOf = (text: string) => createHmac("sha256", key).update(text).digest("hex").slice(0, 32);

  test("a card keeps its token", () => {
    expect(cardToken(key, "acme", "4111111111111111")).toBe(`ct_${macOf("acme\x004111111111111111")}`);
    expect(cardToken(key, "acme", "4111111111111111")).toBe("ct_2b5ee6580e1672cf3561ceba38f149b6");
  });

  test("have a format and an input of their own for devices and addresses, and accept any text", () => {
    expect(keyedToken("device", key, "acme", "Zoë's 📱")).toBe(`dt_${macOf("device\0acme\0Zoë's 📱")}`);
    expect(keyedToken("ip", key, "acme", "2001:db8::1")).toBe(`it_${macOf("ip\0acme\x002001:db8::1")}`);
    expect(cardToken(key, "acme", "4111111111111111")).toMatch(CARD_TOKEN_PATTERN);
    expect(keyedToken("device", key, "acme", "x")).toMatch(/^dt_[0-9a-f]{32}$/);
    expect(keyedToken("ip", key, "acme", "x")).toMatch(/^it_[0-9a-f]{32}$/);
  });

  test.each([
    ["device", "x", "dt_8435fa20a0945d53e5027f57aedcb7f5"],
    ["ip", "192.0.2.1", "it_8b36fe53423fa0201142f96a3b5d60c4"],
    ["network", "192.0.2", "nt_ad581d9c41cf104fcb1c89337069b157"],
    ["email", "ada@example.com", "et_f322679da72d9b4994d6b9158297f037"],
    ["account", "user-7301", "at_086ac427b280402aa1732cc74acae604"],
    ["phone", "+32470123456", "pt_06b293970ee035add4fdc469e543c2cc"],
    ["fingerprint", "fp-9c1185", "ft_40fe563608105de908321fe74aa327f9"],
    ["postal_code", "SW1A1AA", "zt_0b838dd99fc9bea3b145db8681c2e8f9"],
  ] as const)("%s %s keeps its token", (kind, text, token) => {
    expect(keyedToken(kind, key, "acme", text)).toBe(token);
  });

  test("identify a person if they stand for a card, an e-mail address or an account", () => {
    const subjects = ["ct_", "et_", "at_", "dt_"].map((prefix) => subjectField(prefix + "0".repeat(32)));
    expect(subjects).toEqual(["card_token", "email_token", "account_token", undefined]);
    expect(["ct_1", "constructor", ""].map(subjectField)).toEqual([undefined, undefined, undefined]);
  });

  test("differ by kind, tenant and key for the same text", () => {
    const texts = ["4111111111111111", "192.0.2.1", ""];
    // Tenants named like the prefixes of other kinds' inputs.
    const tenants = ["acme", ...KINDS, "umbrella"];
    const digits = [key, Buffer.alloc(32, 8)].flatMap((secret) =>
      [cardToken, ...TOKEN_MAKERS].flatMap((token) =>
        tenants.flatMap((tenant) => texts.map((text) => token(secret, tenant, text).slice(3))),
      ),
    );
    expect(new Set(digits).size).toBe(2 * (1 + KINDS.length) * tenants.length * texts.length);
  });
});

describe("normalAddress", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:0201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"],
    ["2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:db8::192.0.2.1", "2001:db8::c000:201"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["::1", "::1"],
  ])("%s is %s", (text, expected) => {
    expect(normalAddress(text)).toBe(expected);
    expect(normalAddress(expected)).toBe(expected);
  });

  test.each([
    ...["", "192.0.2", "192.0.2.256", "192.000.002.001", "0x7f.0.0.1", "192.0.2.1:443", " 192.0.2.1", "192.0.2.1\n"],
    ...["fe80::1%eth0", "[::1]", "::1/64", ":::", "1::2::3", "2001:db8::g", "localhost", "1"],
  ])("rejects %p as an address", (text) => {
    expect(normalAddress(text)).toBeUndefined();
  });
});

test("keeps 8 digits of a card number, and 6 of a short one", () => {
  expect(["4111111111111111", "6304000000000000000", "378282246310005", "300000000004"].map(binOf)).toEqual([
    ...["41111111", "63040000", "378282", "300000"],
  ]);
});

test.each([
  ["203.0.113.7", "203.0.113"],
  ["2001:db8:1:2::7", "2001:db8:1"],
  ["2001:db8::7", "2001:db8:0"],
  ["2001::7", "2001:0:0"],
  ["::1", "0:0:0"],
  ["1::", "1:0:0"],
  ["0:2:3:4:5:6:7:8", "0:2:3"],
  ["1:2:3:4:5:6:7:8", "1:2:3"],
])("the network of %s is %s", (address, network) => {
  expect(normalAddress(address)).toBe(address);
  expect(networkOf(address)).toBe(network);
});

test.each([
  ["Ada@Example.COM", "ada@example.com"],
  ["ada+shop@example.com", "ada@example.com"],
  ["a.da@example.com", "a.da@example.com"],
  ["A.d.a+x@gmail.com", "ada@gmail.com"],
  ["ada@m\u00fcnchen.example", "ada@xn--mnchen-3ya.example"],
  ["A\u030ada@example.com", "\u00e5da@example.com"],
  ["ada", undefined],
  ["ada@localhost", undefined],
  ["+tag@example.com", undefined],
  ["a b@example.com", undefined],
  ["ada@example..com", undefined],
  ["a@b@example.com", undefined],
  ['"ada"@example.com', undefined],
  ["a\0da@example.com", undefined],
  [`${"a".repeat(65)}@example.com`, undefined],
  [`a@${"b.".repeat(130)}com`, undefined],
])("the normal form of %s is %s", (text, spelling) => {
  expect(normalEmail(text)).toBe(spelling);
});

test("a normalised e-mail address stays unchanged, as on the slow path", () => {
  const labels = [
    "example",
    "a-",
    "-b",
    "ab--c",
    "xn--a",
    "xn--mnchen-3ya",
    "1",
    "0x1",
    "a".repeat(64),
    "c_d",
    "",
    "com",
  ];
  const domains = labels.flatMap((first) =>
    labels.flatMap((second) => labels.map((third) => `${first}.${second}.${third}`)),
  );
  const isDomain = (text: string) => /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(text);
  for (const domain of domains.filter((name) => name.length < 200)) {
    const ascii = domainToASCII(domain);
    expect([domain, normalEmail(`a.b_c-1@${domain}`)]).toEqual([
      domain,
      isDomain(ascii) ? `a.b_c-1@${ascii}` : undefined,
    ]);
  }
  expect(["a.da@googlemail.com", "a.da@mygmail.com", "...@example.com"].map(normalEmail)).toEqual([
    ...["ada@googlemail.com", "a.da@mygmail.com", "...@example.com"],
  ]);
});

test("the tokens of an address, its network and an e-mail address with the same text differ", () => {
  const key = Buffer.alloc(32, 7);
  const makers = TOKEN_MAKERS;
  expect(new Set(makers.map((make) => make(key, "acme", "x").slice(3))).size).toBe(makers.length);
});

test("payment update ids differ by tenant, payment and client's id, which may be empty", () => {
  const ids = ["acme", "globex"].flatMap((tenant) =>
    ["p-1", "p-2"].flatMap((payment) => ["", "u-1", "u-2"].map((update) => paymentUpdateId(tenant, payment, update))),
  );
  expect(new Set(ids).size).toBe(12);
  expect(ids[0]).toMatch(/^upd_[0-9a-f]{32}$/);
  expect(ids[0]).toBe(paymentUpdateId("acme", "p-1", ""));
});

describe("normalPhone", () => {
  test.each([
    ["+32 470 12 34 56", "+32470123456"],
    ["+32 (0)470/12.34.56", "+32470123456"],
    ["+1 (415) 555-2671", "+14155552671"],
    ["+390612345678", "+390612345678"],
  ])("%s is %s", (text, expected) => expect(normalPhone(text)).toBe(expected));

  test.each(["", "+", "0470123456", "0032470123456", "+123456", "+1234567890123456", `+1${" ".repeat(50)}4155552671`])(
    "%j is rejected",
    (text) => expect(normalPhone(text)).toBeUndefined(),
  );
});

describe("normalPostalCode", () => {
  test.each([
    ["sw1a 1aa", "SW1A1AA"],
    ["1000", "1000"],
    ["DK-2100", "DK2100"],
  ])("%s is %s", (text, expected) => expect(normalPostalCode(text)).toBe(expected));

  test.each(["", "1", "12345678901", "10_00", "Zürich"])("%j is rejected", (text) =>
    expect(normalPostalCode(text)).toBeUndefined(),
  );
});
