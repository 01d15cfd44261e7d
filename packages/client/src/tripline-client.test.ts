import type { IncomingMessage, Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Payment, PaymentResult, PaymentUpdate } from "./tripline-client.js";
import { TriplineClient } from "./tripline-client.js";

/** A request as received by the API. */
interface Received {
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

/** Undefined: the connection is closed. */
type Answer =
  | { readonly status: number; readonly body: unknown; readonly headers?: Record<string, string> }
  | undefined;

/** A stub, because no Tripline service can be made to fail once or answer late. */
let answers: (request: Received) => Answer;
let received: Received[];
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    void text(request).then((body) => {
      const one = { path: request.url ?? "", body, headers: request.headers };
      received.push(one);
      const answer = answers(one);
      if (answer === undefined) return response.destroy();
      response.writeHead(answer.status, answer.headers);
      return response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  received = [];
});

const payment = (id: string): Payment => ({
  transaction_id: id,
  card: { number: "4111111111111111" },
  terminal_id: "t",
  amount: { minor: 1, currency: "EUR" },
  occurred_at: "2026-01-01T00:00:00Z",
});
const decided = (id: string) => ({ id: `txn_${id}`, transaction_id: id, status: "decided", outcome: "approve" });
const problem = (status: number, code: string) => ({ status, body: { status, code, detail: `is ${code}` } });
const client = (timeoutMs = 10_000) => new TriplineClient({ url, credentials: async () => "Bearer one", timeoutMs });

/** Returns each answer in turn, then repeats the last one. */
function inTurn(...all: Answer[]): void {
  let next = 0;
  answers = () => all[Math.min(next++, all.length - 1)];
}

test("a retry after a dropped connection or a 503 sends the same payment again", async () => {
  inTurn(undefined, problem(503, "kafka-unavailable"), { status: 200, body: decided("a") });
  await expect(client().decide(payment("a"))).resolves.toMatchObject({ outcome: "approve" });
  expect(received.map(({ body }) => JSON.parse(body))).toEqual(Array(3).fill(payment("a")));
});

test("Retry-After is respected", async () => {
  inTurn({ ...problem(429, "rate-limited"), headers: { "retry-after": "1" } }, { status: 200, body: decided("a") });
  const startedAt = performance.now();
  await client().decide(payment("a"));
  expect(performance.now() - startedAt).toBeGreaterThan(990);
});

test("a rejection is thrown immediately, with its code and the invalid fields", async () => {
  const errors = [{ pointer: "/amount/minor", detail: "must be a whole number" }];
  inTurn({ status: 422, body: { status: 422, code: "invalid-field", detail: "is wrong", errors } });
  const refusal = { code: "invalid-field", message: "is wrong", status: 422, errors, isTemporary: false };
  await expect(client().decide(payment("a"))).rejects.toMatchObject(refusal);
  expect(received).toHaveLength(1);
});

test("a call ends at its deadline with the last error", async () => {
  inTurn(problem(503, "redis-unavailable"));
  let isOver = false;
  const longer = client(120_000)
    .decide(payment("b"))
    .finally(() => (isOver = true));
  await expect(client(1_000).decide(payment("a"))).rejects.toMatchObject({ code: "redis-unavailable" });
  expect(isOver).toBe(false);
  answers = () => ({ status: 200, body: decided("b") });
  await expect(longer).resolves.toMatchObject({ outcome: "approve" });
});

test("a closed port is `unreachable`, and the message names the address and the cause", async () => {
  const nobody = new TriplineClient({ url: "http://127.0.0.1:1", credentials: async () => "Bearer one", timeoutMs: 1 });
  await expect(nobody.decide(payment("a"))).rejects.toMatchObject({
    code: "unreachable",
    message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:1 is not responding \(.+\)\.$/),
  });
});

test("a response from a proxy is an error with its status", async () => {
  inTurn({ status: 404, body: "<html>not here</html>" });
  await expect(client().decide(payment("a"))).rejects.toMatchObject({ code: "internal", status: 404 });
});

test("polls an accepted payment until it is decided or the deadline has passed", async () => {
  let polls = 0;
  answers = ({ path }) => {
    if (path === "/v1/transactions") return { status: 202, body: { id: "txn_a", status: "pending" } };
    polls += 1;
    if (polls < 2) return problem(404, "decision-not-found");
    return { status: 200, body: polls < 3 ? { id: "txn_a", status: "pending" } : decided("a") };
  };
  await expect(client().decide(payment("a"))).resolves.toMatchObject({ id: "txn_a" });
  polls = -1_000;
  await expect(client(500).decide(payment("a"))).rejects.toMatchObject({ code: "deadline-exceeded" });
});

test("retries only transient failures of a batch, and keeps the order of the results", async () => {
  const tries = new Map<string, number>();
  answers = ({ path, body }) => {
    if (path.startsWith("/v1/decisions/")) return { status: 200, body: decided("c") };
    const lines = body.split("\n").map((line, index) => {
      const { transaction_id: id } = JSON.parse(line) as Payment;
      tries.set(id, (tries.get(id) ?? 0) + 1);
      if (id === "a") return { line: index + 1, status: 200, decision: decided("a") };
      if (id === "b") return { line: index + 1, status: 422, problem: problem(422, "invalid-field").body };
      if (id === "c") return { line: index + 1, status: 202, id: "txn_c" };
      if (tries.get(id) === 1) return { line: index + 1, status: 503, problem: problem(503, "queue-full").body };
      return { line: index + 1, status: 200, decision: decided("d") };
    });
    return { status: 200, body: lines.map((line) => JSON.stringify(line)).join("\n") };
  };
  const results: PaymentResult[] = [];
  for await (const result of client().decideAll(["a", "b", "c", "d"].map(payment))) results.push(result);
  expect(results.map(({ transactionId, decision, error }) => [transactionId, decision?.id ?? error?.code])).toEqual([
    ["a", "txn_a"],
    ["b", "invalid-field"],
    ["c", "txn_c"],
    ["d", "txn_d"],
  ]);
  expect(Object.fromEntries(tries)).toEqual({ a: 1, b: 1, c: 1, d: 2 });
});

test("does not resend an accepted update, and throws the first rejection after all were tried", async () => {
  const update = (id: string): PaymentUpdate => {
    const { transaction_id, card, occurred_at } = payment("a");
    return { transaction_id, update_id: id, card, kind: "declined", issuer_code: "51", occurred_at };
  };
  const tries = new Map<string, number>();
  answers = ({ body }) => {
    const lines = body.split("\n").map((line, index) => {
      const { update_id: id } = JSON.parse(line) as PaymentUpdate;
      tries.set(id, (tries.get(id) ?? 0) + 1);
      if (id === "u-2") return { line: index + 1, status: 409, problem: problem(409, "idempotency-conflict").body };
      if (id === "u-3" && tries.get(id) === 1)
        return { line: index + 1, status: 503, problem: problem(503, "queue-full").body };
      return { line: index + 1, status: 202, id: "upd_a" };
    });
    return { status: 200, body: lines.map((line) => JSON.stringify(line)).join("\n") };
  };
  await client().update([update("u-1")]);
  expect(received[0]?.path).toBe("/v1/payment-updates/batch");
  const refused = client().update(["u-2", "u-3", "u-4"].map(update));
  await expect(refused).rejects.toMatchObject({ code: "idempotency-conflict", status: 409 });
  expect(Object.fromEntries(tries)).toEqual({ "u-1": 1, "u-2": 1, "u-3": 2, "u-4": 1 });
  const { transaction_id, card, occurred_at } = payment("a");
  answers = () => ({ status: 200, body: JSON.stringify({ line: 1, status: 202, id: "rpt_a" }) });
  await client().report([{ report_id: "d-1", transaction_id, card, occurred_at, kind: "chargeback" }]);
  expect(received.at(-1)?.path).toBe("/v1/fraud-reports/batch");
});

test.each([
  ["a rejection of the whole request", problem(403, "scope-missing"), "scope-missing"],
  ["no response before the timeout", undefined, "queue-full"],
])(
  "regression #28: a retry of some lines that ends with %s keeps the results of the others",
  async (_, retry, code) => {
    const first = [
      { line: 1, status: 503, problem: problem(503, "queue-full").body },
      { line: 2, status: 200, decision: decided("b") },
    ];
    inTurn({ status: 200, body: first.map((line) => JSON.stringify(line)).join("\n") }, retry);
    const results: PaymentResult[] = [];
    for await (const result of client(1_000).decideAll(["a", "b"].map(payment))) results.push(result);
    expect(results).toMatchObject([
      { transactionId: "a", error: { code } },
      { transactionId: "b", decision: { id: "txn_b" } },
    ]);
    expect(received.length).toBeGreaterThan(1);
  },
);

test("fetches a rejected token again once", async () => {
  let tokens = 0;
  answers = ({ path, headers }) => {
    if (path === "/openapi.json") return { status: 200, body: { tokenUrl: `${url}/token` } };
    if (path === "/token") return { status: 200, body: { access_token: String(++tokens), expires_in: 600 } };
    if (headers.authorization === "Bearer 1") return problem(401, "token-revoked");
    return { status: 200, body: decided("a") };
  };
  const own = new TriplineClient({ url, credentials: { clientId: "shop", clientSecret: "secret" } });
  await expect(own.decide(payment("a"))).resolves.toMatchObject({ id: "txn_a" });
  answers = ({ path }) =>
    path === "/token" ? { status: 200, body: { access_token: "3", expires_in: 600 } } : problem(401, "token-revoked");
  await expect(own.decide(payment("a"))).rejects.toMatchObject({ code: "token-revoked" });
});
