import { TestDecider } from "../testing/decider.js";
import type { Answer, TestBed, TestClient } from "../testing/service.js";
import { paymentBody, recordCount, startTestBed } from "../testing/service.js";
import { BODY_BYTES_MAX } from "./limits.js";

/** Each takes milliseconds; a vulnerable parser takes minutes. */
const ANSWER_MS_MAX = 30_000;
const FILL = BODY_BYTES_MAX - 1_024;

let bed: TestBed;
let client: TestClient;

beforeAll(async () => {
  bed = await startTestBed();
  client = bed.client;
});

afterAll(() => bed.close());

const post = (text: string): Promise<Answer> =>
  client.send("/v1/transactions", text, { "content-type": "application/json" });

/** A payment with one more member, or with the text of one of its members replaced. */
const withMember = (member: string): string => JSON.stringify(paymentBody()).replace("{", `{${member},`);
const replaced = (from: RegExp, to: string): string => JSON.stringify(paymentBody()).replace(from, to);

const pollution = '{"isAdmin":true}';

const attacks: [what: string, text: string, status: number][] = [
  ["arrays of the maximum depth", `${"[".repeat(FILL / 2)}${"]".repeat(FILL / 2)}`, 422],
  ["objects of the maximum depth", `${'{"a":'.repeat(FILL / 6)}1${"}".repeat(FILL / 6)}`, 422],
  ["arrays that are never closed", "[".repeat(FILL), 400],
  ["deep arrays in a field", withMember(`"amount2":${"[".repeat(FILL / 2)}${"]".repeat(FILL / 2)}`), 422],
  ["thousands of members", `{${Array.from({ length: 1_500 }, (_, at) => `"k${at}":1`).join()}}`, 422],
  ["a number with thousands of digits", replaced(/"minor":\d+/, `"minor":${"9".repeat(FILL)}`), 422],
  ["a number that is infinite", replaced(/"minor":\d+/, '"minor":1e999999'), 422],
  ["thousands of escapes", replaced(/"t-42"/, `"${"\\u0041".repeat(2_000)}"`), 422],
  ["a string of the maximum length", replaced(/"t-42"/, `"${"a".repeat(FILL)}"`), 422],
  ["half a surrogate pair", replaced(/"t-42"/, '"\\ud800"'), 422],
  ["__proto__", withMember(`"__proto__":${pollution}`), 422],
  ["__proto__ in the card", replaced(/"card":\{/, `"card":{"__proto__":${pollution},`), 422],
  [
    "__proto__ as the amount's currency",
    replaced(/"currency":"EUR"/, `"currency":"EUR","__proto__":${pollution}`),
    422,
  ],
  ["__proto__ in escapes", withMember(`"\\u005f_proto__":${pollution}`), 422],
  ["constructor.prototype", withMember(`"constructor":{"prototype":${pollution}}`), 422],
  ["a currency that is the name of a method", replaced(/"EUR"/, '"constructor"'), 422],
  ["a currency that is a property of every object", replaced(/"EUR"/, '"__proto__"'), 422],
  ["an object with toString instead of a text", replaced(/"t-42"/, '{"toString":"x"}'), 422],
  ["a Redis command as the ID", replaced(/"transaction_id":"[^"]*"/, '"transaction_id":"x\\r\\nFLUSHALL\\r\\n"'), 422],
  ["a forged log line as the terminal", replaced(/"t-42"/, '"t\\n{\\"level\\":50}"'), 422],
  ["SQL as the terminal", replaced(/"t-42"/, `"t'; DROP TABLE control.audit_log; --"`), 422],
  ["CEL as the terminal", replaced(/"t-42"/, '"\\" || true || \\""'), 422],
];

test.each(attacks)("rejects %s immediately, without any effect", async (_what, text, status) => {
  const before = await recordCount(bed.admin, "transactions");
  const startedMs = performance.now();
  const answer = await post(text);
  expect(performance.now() - startedMs).toBeLessThan(ANSWER_MS_MAX);
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  expect(answer.text).not.toMatch(/node_modules|at .*\.js:|stack/);
  expect(await recordCount(bed.admin, "transactions")).toBe(before);
  expect(Reflect.get({}, "isAdmin")).toBeUndefined();
});

test("afterwards, a payment is decided normally", async () => {
  const decider = new TestDecider(bed.kafka, bed.redis);
  await decider.start();
  await expect(client.post("/v1/transactions", paymentBody(), { prefer: "wait=10" })).resolves.toMatchObject({
    status: 200,
    body: { outcome: "review" },
  });
  await decider.close();
});

test.each([
  "../txn_00000000000000000000000000000000",
  "txn_0000000000000000000000000000000*",
  "txn_00000000000000000000000000000000%00",
  "..%2f..%2fopenapi.json",
  "idem:acme:order-1",
])("the decision ID %s is rejected, or gets 404 like an ID of another tenant", async (id) => {
  const answer = await client.get(`/v1/decisions/${id}`);
  expect([404, 400, 422]).toContain(answer.status);
  expect(answer.body).toMatchObject({ code: expect.stringMatching(/not-found|malformed-request|invalid-field/) });
});
