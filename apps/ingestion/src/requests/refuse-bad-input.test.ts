import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { INTAKE_ROUTES } from "../intake.plugin.js";
import type { TestBed, TestClient } from "../testing/service.js";
import { labelBody, paymentBody, recordCount, rowsOf, startTestBed } from "../testing/service.js";
import { BATCH_BYTES_MAX, BODY_BYTES_MAX } from "./limits.js";

const DAY_MS = 86_400_000;
const WRONG_NUMBER = "4111111111111112";
const EPOCH = "1970-01-01T00:00:00Z";
const at = (ms: number) => new Date(Date.now() + ms).toISOString();
const attributesOf = (count: number, value: unknown = 1) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, value]));
const without = (body: Record<string, unknown>, name: string) => {
  const { [name]: _, ...rest } = body;
  return rest;
};

describe("rejects bad input, which reaches no topic", () => {
  let bed: TestBed;
  let client: TestClient;

  beforeAll(async () => {
    bed = await startTestBed();
    client = bed.client;
  });

  afterAll(() => bed.close());

  let before: number;
  const records = async () => (await recordCount(bed.admin, "transactions")) + (await recordCount(bed.admin, "labels"));

  beforeEach(async () => {
    before = await records();
  });

  afterEach(async () => {
    expect(await records()).toBe(before);
  });

  const fields: [string, string, Record<string, unknown>][] = [
    ["unknown field", "/colour", paymentBody({ colour: "red" })],
    ["unknown field within a field", "/amount/net", paymentBody({ amount: { minor: 1, currency: "EUR", net: 1 } })],
    ["__proto__", "/__proto__", JSON.parse(JSON.stringify(paymentBody()).replace("{", '{"__proto__":{"a":1},'))],
    ["missing transaction_id", "/transaction_id", without(paymentBody(), "transaction_id")],
    ["missing card", "/card", without(paymentBody(), "card")],
    ["missing amount", "/amount", without(paymentBody(), "amount")],
    ["missing currency", "/amount/currency", paymentBody({ amount: { minor: 1 } })],
    ["missing occurred_at", "/occurred_at", without(paymentBody(), "occurred_at")],
    ["wrong type of id", "/transaction_id", paymentBody({ transaction_id: 1_001 })],
    ["wrong type of card number", "/card/number", paymentBody({ card: { number: 4_111_111_111_111_111 } })],
    ["null", "/terminal_id", paymentBody({ terminal_id: null })],
    ["empty id", "/transaction_id", paymentBody({ transaction_id: "" })],
    ["long id", "/transaction_id", paymentBody({ transaction_id: "x".repeat(65) })],
    ["id with a space", "/terminal_id", paymentBody({ terminal_id: "t 42" })],
    ["card number as id", "/transaction_id", paymentBody({ transaction_id: "4111111111111111" })],
    ["card number in an id", "/transaction_id", paymentBody({ transaction_id: "order-4111-1111-1111-1111-2" })],
    ["card number as terminal", "/terminal_id", paymentBody({ terminal_id: "t4111.1111.1111.1111" })],
    ["amount as text", "/amount/minor", paymentBody({ amount: { minor: "1299", currency: "EUR" } })],
    ["negative amount", "/amount/minor", paymentBody({ amount: { minor: -1, currency: "EUR" } })],
    ["absurd amount", "/amount/minor", paymentBody({ amount: { minor: 1e12 + 1, currency: "EUR" } })],
    ["fractional amount", "/amount/minor", paymentBody({ amount: { minor: 12.99, currency: "EUR" } })],
    ["unknown currency", "/amount/currency", paymentBody({ amount: { minor: 1, currency: "XXQ" } })],
    ["withdrawn currency", "/amount/currency", paymentBody({ amount: { minor: 1, currency: "HRK" } })],
    ["metal", "/amount/currency", paymentBody({ amount: { minor: 1, currency: "XAU" } })],
    ["currency in small letters", "/amount/currency", paymentBody({ amount: { minor: 1, currency: "eur" } })],
    ["card number that fails Luhn", "/card/number", paymentBody({ card: { number: WRONG_NUMBER } })],
    ["card number with spaces", "/card/number", paymentBody({ card: { number: "4111 1111 1111 1111" } })],
    ["number and token", "/card", paymentBody({ card: { number: "4111111111111111", token: `ct_${"0".repeat(32)}` } })],
    ["neither number nor token", "/card", paymentBody({ card: {} })],
    ["malformed token", "/card/token", paymentBody({ card: { token: "ct_1" } })],
    ["time in the future", "/occurred_at", paymentBody({ occurred_at: at(120_000) })],
    ["time older than the horizon", "/occurred_at", paymentBody({ occurred_at: at(-30 * DAY_MS - 1_000) })],
    ["time without offset", "/occurred_at", paymentBody({ occurred_at: "2026-11-24T12:00:00" })],
    ["day that does not exist", "/occurred_at", paymentBody({ occurred_at: "2026-02-30T12:00:00Z" })],
    ["time as a number", "/occurred_at", paymentBody({ occurred_at: 1_795_000_000_000 })],
    ["card number in a free text", "/device_id", paymentBody({ device_id: "phone of 4111 1111 1111 1111" })],
    ["card number as the name on the card", "/cardholder", paymentBody({ cardholder: "4111111111111111" })],
    ["card number as a mailbox", "/email", paymentBody({ email: "4111111111111111@example.com" })],
    ["name with a line feed", "/cardholder", paymentBody({ cardholder: "Ada\nLovelace" })],
    ["category of three digits", "/mcc", paymentBody({ mcc: "573" })],
    ["unknown value of an enum", "/channel", paymentBody({ channel: "web" })],
    ["negative age of an account", "/account_age_days", paymentBody({ account_age_days: -1 })],
    ["national telephone number", "/phone", paymentBody({ phone: "0470123456" })],
    ["card number as an account id", "/account_id", paymentBody({ account_id: "4111111111111111" })],
    ["card number as a merchant id", "/merchant_id", paymentBody({ merchant_id: "4111111111111111" })],
    ["boolean as text", "/is_test", paymentBody({ is_test: "true" })],
    ["attributes as a text", "/attributes", paymentBody({ attributes: "gold" })],
    ["33 attributes", "/attributes", paymentBody({ attributes: attributesOf(33) })],
    ["5 KB of attributes", "/attributes", paymentBody({ attributes: attributesOf(20, "x".repeat(256)) })],
    [
      "long name of an attribute",
      `/attributes/${"n".repeat(64)}`,
      paymentBody({ attributes: { ["n".repeat(65)]: 1 } }),
    ],
    ["long attribute", "/attributes/a", paymentBody({ attributes: { a: "x".repeat(257) } })],
    ["attribute that is null", "/attributes/a", paymentBody({ attributes: { a: null } })],
    ["attribute that is a list", "/attributes/a", paymentBody({ attributes: { a: ["4111"] } })],
    ["card number as an attribute", "/attributes/a", paymentBody({ attributes: { a: "4111111111111111" } })],
    ["card number as a numeric attribute", "/attributes/a", paymentBody({ attributes: { a: 4_111_111_111_111_111 } })],
    ["empty device id", "/device_id", paymentBody({ device_id: "" })],
    ["device id of 129 characters", "/device_id", paymentBody({ device_id: "\u{1f4f1}".repeat(129) })],
    ["device id with a control character", "/device_id", paymentBody({ device_id: "a\0b" })],
    ["device id that is not valid Unicode", "/device_id", paymentBody({ device_id: "a\ud800" })],
    ["device id as a number", "/device_id", paymentBody({ device_id: 4_111 })],
    ["device id that is null", "/device_id", paymentBody({ device_id: null })],
    ["half an address", "/ip_address", paymentBody({ ip_address: "41.11.1" })],
    ["address with a port", "/ip_address", paymentBody({ ip_address: "192.0.2.1:4111" })],
    ["address of a network", "/ip_address", paymentBody({ ip_address: "2001:db8::/32" })],
    ["address with a zone", "/ip_address", paymentBody({ ip_address: "fe80::4111%eth0" })],
    ["name instead of an address", "/ip_address", paymentBody({ ip_address: "localhost" })],
    ["address that is null", "/ip_address", paymentBody({ ip_address: null })],
    ["text instead of an e-mail address", "/email", paymentBody({ email: "4111.example.com" })],
    ["e-mail address without a top level", "/email", paymentBody({ email: "a4111@localhost" })],
    ["two e-mail addresses", "/email", paymentBody({ email: "a4111@example.com,b@example.com" })],
    ["country in small letters", "/card_country", paymentBody({ card_country: "be" })],
    ["country of three letters", "/merchant_country", paymentBody({ merchant_country: "BEL" })],
    ["country that ISO has not assigned", "/ip_country", paymentBody({ ip_country: "XK" })],
    ["BIN of 7 digits", "/card/bin", paymentBody({ card: { token: `ct_${"0".repeat(32)}`, bin: "4222221" } })],
    ["BIN together with a number", "/card/bin", paymentBody({ card: { number: "4111111111111111", bin: "422222" } })],
    ["BIN alone", "/card", paymentBody({ card: { bin: "422222" } })],
    ["latitude without longitude", "/location/longitude", paymentBody({ location: { latitude: 50 } })],
    ["longitude without latitude", "/location/latitude", paymentBody({ location: { longitude: 4 } })],
    ["latitude out of range", "/location/latitude", paymentBody({ location: { latitude: 90.1, longitude: 4 } })],
    ["longitude out of range", "/location/longitude", paymentBody({ location: { latitude: 50, longitude: -181 } })],
    ["latitude as text", "/location/latitude", paymentBody({ location: { latitude: "50", longitude: 4 } })],
    ["an altitude", "/location/altitude", paymentBody({ location: { latitude: 50, longitude: 4, altitude: 1 } })],
    ["location that is null", "/location", paymentBody({ location: null })],
    ["location as a list", "/location", paymentBody({ location: [50, 4] })],
  ];

  test.each(fields)("in a payment: %s", async (_name, pointer, body) => {
    const answer = await client.post("/v1/transactions", body);
    expect(answer.status).toBe(422);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(answer.body).toMatchObject({
      code: "invalid-field",
      status: 422,
      detail: expect.stringContaining(pointer),
      errors: [{ pointer, detail: expect.stringMatching(/^(must|is)/) }],
    });
    expect(answer.text).not.toContain("4111");
  });

  test("in a payment: a number too large for a double", async () => {
    const text = JSON.stringify(paymentBody({ location: { latitude: 50, longitude: 0.5 } }));
    // Replaces the number in this field only, because a time may contain the same digits.
    const huge = text.replace(/(?<="longitude":)0\.5/, "1e999");
    const answer = await client.send("/v1/transactions", huge, { "content-type": "application/json" });
    expect(answer.body).toMatchObject({ status: 422, errors: [{ pointer: "/location/longitude" }] });
  });

  const labels: [string, string, Record<string, unknown>][] = [
    ["fraud as text", "/fraud", labelBody({ fraud: "yes" })],
    ["missing fraud", "/fraud", without(labelBody(), "fraud")],
    ["labelled in the future", "/labelled_at", labelBody({ labelled_at: at(120_000) })],
    ["payment at the epoch, which means no time", "/occurred_at", labelBody({ occurred_at: EPOCH })],
    ["labelled before the epoch", "/labelled_at", labelBody({ labelled_at: "1969-12-31T23:59:59Z" })],
    ["labelled before the payment", "/labelled_at", labelBody({ labelled_at: at(-10_000) })],
    ["a source in free text", "/source", labelBody({ source: "Said by Mr. X" })],
    ["unknown field", "/amount", labelBody({ amount: 1 })],
    ["a device", "/device_id", labelBody({ device_id: "d-1" })],
    ["a BIN", "/card/bin", labelBody({ card: { token: `ct_${"0".repeat(32)}`, bin: "422222" } })],
    ["card number that fails Luhn", "/card/number", labelBody({ card: { number: WRONG_NUMBER } })],
    ["card number as id", "/transaction_id", labelBody({ transaction_id: "4111:1111:1111:1111" })],
    ["card number as terminal", "/terminal_id", labelBody({ terminal_id: "0004111111111111111" })],
    ["card number as source", "/source", labelBody({ source: "4111111111111111" })],
    ["payment in the future", "/occurred_at", labelBody({ occurred_at: at(120_000) })],
  ];

  test.each(labels)("in a label: %s", async (_name, pointer, body) => {
    const answer = await client.post("/v1/labels", body);
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ code: "invalid-field", errors: [{ pointer }] });
    expect(answer.text).not.toContain("1111");
  });

  test("regression #12: a label dated 1970 is rejected with the earliest valid time", async () => {
    const answer = await client.post("/v1/labels", labelBody({ occurred_at: EPOCH, labelled_at: EPOCH }));
    const detail = "must be later than 1970-01-01T00:00:00Z";
    expect(answer.body).toMatchObject({
      status: 422,
      errors: [
        { pointer: "/occurred_at", detail },
        { pointer: "/labelled_at", detail },
      ],
    });
  });

  test("regression #12: a leap second is rejected with a message that says so", async () => {
    const answer = await client.post("/v1/transactions", paymentBody({ occurred_at: "2026-06-30T23:59:60Z" }));
    const detail = "must not be a leap second; send second 59 instead of 60";
    expect(answer.body).toMatchObject({ status: 422, errors: [{ pointer: "/occurred_at", detail }] });
  });

  test.each([
    ["/amount/minor", '"minor":1299', '"minor":1,"minor":1299'],
    ["/transaction_id", '{"transaction_id"', '{"\\u0074ransaction_id":"order-0", "transaction_id"'],
    ["/card/number", '{"number"', '{"number" : "4111111111111112","number"'],
    ["/card", '{"transaction_id"', '{"card":{"token":"x"},"transaction_id"'],
    ["/*", '{"transaction_id"', '{"4111-1111-1111-1111":1,"4111-1111-1111-1111":1,"transaction_id"'],
  ])("a repeated key: %s", async (pointer, once, twice) => {
    const body = JSON.stringify(paymentBody());
    const repeated = body.replace(once, twice);
    expect(repeated).not.toBe(body);
    const problem = {
      status: 422,
      code: "invalid-field",
      detail: `${pointer} occurs more than once.`,
      errors: [{ pointer, detail: "occurs more than once" }],
    };
    const answer = await client.send("/v1/transactions", repeated, { "content-type": "application/json" });
    expect(answer.body).toMatchObject(problem);
    expect(answer.text).not.toContain("4111");
    const batch = await client.postLines("/v1/transactions/batch", [repeated]);
    expect(rowsOf(batch)).toMatchObject([{ line: 1, status: 422, problem }]);
  });

  test("the response lists every invalid field", async () => {
    const body = paymentBody({ terminal_id: "", colour: 1, amount: { minor: -1, currency: "?" } });
    const { errors } = JSON.parse((await client.post("/v1/transactions", body)).text);
    const pointers = errors.map(({ pointer }: { pointer: string }) => pointer);
    expect(pointers.toSorted()).toEqual(["/amount/currency", "/amount/minor", "/colour", "/terminal_id"]);
  });

  const bodies: [string, string | Uint8Array<ArrayBuffer>, string, number, string][] = [
    ["malformed JSON", '{"card":{"number":"4111111111111111"', "application/json", 400, "malformed-json"],
    ["an empty body", "", "application/json", 400, "malformed-json"],
    ["bytes that are not UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "application/json", 400, "malformed-json"],
    ["an array", "[]", "application/json", 422, "invalid-field"],
    ["null", "null", "application/json", 422, "invalid-field"],
    ["another content type", JSON.stringify(paymentBody()), "text/plain", 415, "unsupported-media-type"],
    ["NDJSON for one", JSON.stringify(paymentBody()), "application/x-ndjson", 415, "unsupported-media-type"],
    ["over the limit", " ".repeat(BODY_BYTES_MAX + 1), "application/json", 413, "body-too-large"],
  ];

  test.each(bodies)("in the body: %s", async (_name, body, contentType, status, code) => {
    const answer = await client.send("/v1/transactions", body, { "content-type": contentType });
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ code, status });
    expect(answer.text).not.toContain("4111");
  });

  test("a compressed body is rejected", async () => {
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    const answer = await client.send("/v1/transactions", "x", headers);
    expect(answer.body).toMatchObject({ status: 415, code: "unsupported-media-type" });
  });

  test.each([
    ["empty", ""],
    ["too long", "k".repeat(129)],
    ["not printable", "caf\u00e9"],
    ["a card number", "4111 1111 1111 1111"],
  ])("an Idempotency-Key that is %s", async (_name, key) => {
    const answer = await client.post("/v1/transactions", paymentBody(), { "idempotency-key": key });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: "invalid-header", detail: expect.stringContaining("Idempotency-Key") });
    expect(answer.text).not.toContain("1111");
  });

  test("regression #12: rejects two Idempotency-Key headers, which Node joins, but accepts one key that contains a comma", async () => {
    const body = JSON.stringify(paymentBody({ amount: null }));
    const codeFor = async (...keys: string[]) => {
      const request = httpRequest(`${bed.service.url}/v1/transactions`, {
        method: "POST",
        headers: {
          authorization: await bed.issuer.authorization(),
          "content-type": "application/json",
          "Idempotency-Key": keys,
        },
      });
      request.end(body);
      const [response]: IncomingMessage[] = await once(request, "response");
      if (response === undefined) throw new Error("no response");
      const { code, detail } = JSON.parse(await text(response));
      return [code, detail];
    };
    expect(await codeFor("a", "b")).toEqual(["invalid-header", "Idempotency-Key must be sent once."]);
    expect(await codeFor("a", "a")).toEqual(["invalid-header", "Idempotency-Key must be sent once."]);
    expect(await codeFor("a, b")).toEqual(["invalid-field", expect.stringContaining("/amount")]);
  });

  test("an Idempotency-Key with a batch", async () => {
    const answer = await client.postLines("/v1/transactions/batch", ["{}"], { "idempotency-key": "k" });
    expect(answer.body).toMatchObject({ status: 400, code: "invalid-header" });
  });

  const tokens: [string, () => Promise<string | undefined>, number, string][] = [
    ["no token", async () => undefined, 401, "token-missing"],
    ["another scheme", async () => "Basic c2hvcDpzZWNyZXQ=", 401, "token-invalid"],
    ["expired token", () => bed.issuer.authorization({ expiresInSeconds: -60 }), 401, "token-expired"],
    ["wrong audience", () => bed.issuer.authorization({ audience: "urn:other:api" }), 401, "token-invalid"],
    ["wrong issuer", () => bed.issuer.authorization({ issuer: "https://other.test" }), 401, "token-invalid"],
    ["key that was never published", () => bed.issuer.forged(), 401, "token-invalid"],
    ["missing scope", () => bed.issuer.authorization({ scope: "decisions:read" }), 403, "scope-missing"],
  ];

  test.each(tokens)("in the token: %s", async (_name, token, status, code) => {
    const authorization = await token();
    for (const path of INTAKE_ROUTES.map((route) => route.path)) {
      const answer = await client.call(path, {
        method: "POST",
        body: JSON.stringify(paymentBody()),
        headers: {
          "content-type": path.endsWith("batch") ? "application/x-ndjson" : "application/json",
          ...(authorization === undefined ? {} : { authorization }),
        },
      });
      expect(answer.status).toBe(status);
      expect(answer.body).toMatchObject({ code, status });
    }
  });

  test("requires a separate scope for reading", async () => {
    const writer = await bed.clientOf({ scope: "transactions:write" });
    const answer = await writer.get(`/v1/decisions/txn_${"0".repeat(32)}`);
    expect(answer.body).toMatchObject({ status: 403, code: "scope-missing" });
  });

  test("another method, and the response contains the allowed one", async () => {
    const answer = await client.get("/v1/transactions");
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("POST");
    expect(answer.body).toMatchObject({ code: "method-not-allowed" });
    const missing = await client.get("/v1/nothing");
    expect(missing.body).toMatchObject({ status: 404, code: "not-found" });
  });

  test("an empty batch, one with too many lines, and one with too many bytes", async () => {
    const path = "/v1/transactions/batch";
    expect((await client.postLines(path, [])).body).toMatchObject({ status: 422, code: "invalid-field" });
    const many = Array.from({ length: 10_001 }, () => "{}");
    expect((await client.postLines(path, many)).body).toMatchObject({ status: 413, code: "body-too-large" });
    const large = ["x".repeat(BATCH_BYTES_MAX + 1)];
    expect((await client.postLines(path, large)).body).toMatchObject({ status: 413, code: "body-too-large" });
  });

  test.each([
    [{ colour: "red" }, "/colour is not a known field (send it in attributes)."],
    [
      { terminal: "t-1" },
      "/terminal is not a known field (did you mean terminal_id? Otherwise, send it in attributes).",
    ],
    [{ attributes: attributesOf(33) }, "/attributes must have at most 32 entries."],
    [{ attributes: attributesOf(20, "x".repeat(256)) }, "/attributes must be at most 4096 bytes of JSON."],
    [
      { attributes: { a: "x".repeat(257), b: null } },
      "/attributes/a must be at most 256 characters without control characters; /attributes/b must be a string, a number, true or false.",
    ],
    [
      { attributes: { ["n".repeat(65)]: 1 } },
      `/attributes/${"n".repeat(64)} must have names of 1 to 64 characters without control characters.`,
    ],
  ])("%j, and the response says how to correct it", async (change, detail) => {
    expect((await client.post("/v1/transactions", paymentBody(change))).body).toMatchObject({ status: 422, detail });
  });

  test("invalid lines individually, each with its number", async () => {
    const long = JSON.stringify(paymentBody({ terminal_id: "x".repeat(BODY_BYTES_MAX) }));
    const wrong = JSON.stringify(paymentBody({ card: { number: WRONG_NUMBER } }));
    const answer = await client.postLines("/v1/transactions/batch", ["{", "", long, wrong, ""]);
    expect(answer.status).toBe(200);
    expect(rowsOf(answer)).toMatchObject([
      { line: 1, status: 400, problem: { code: "malformed-json", detail: "The line is not valid JSON." } },
      { line: 2, status: 400, problem: { code: "malformed-json", detail: "The line is empty; send one JSON object." } },
      { line: 3, status: 413, problem: { code: "body-too-large" } },
      { line: 4, status: 422, problem: { code: "invalid-field", errors: [{ pointer: "/card/number" }] } },
    ]);
    expect(answer.text).not.toContain(WRONG_NUMBER);
  });
});
