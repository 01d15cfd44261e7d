import type { IncomingHttpHeaders, RequestListener, ServerResponse } from "node:http";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { toRecords } from "../online-features.js";
import type { FaultServer } from "../testing/fault-server.js";
import { bodyOf, serveFaults } from "../testing/fault-server.js";
import { SMALL_REGISTRY } from "../testing/small-registry.js";
import { FeastHttpClient } from "./feast-http-client.js";

const REQUEST = { features: ["stats:mean", "stats:count"], entities: [{ card_id: "c1" }] };
/** Far longer than a response takes, even on a busy machine. */
const ANSWER_MS_MAX = 30_000;
const PUSH = { pushSource: "p", rows: [{ card_id: "c1" }] };
const GOOD = {
  metadata: { feature_names: ["card_id", "mean", "count"] },
  results: [
    { values: ["c1"], statuses: ["PRESENT"], event_timestamps: ["1970-01-01T00:00:00Z"] },
    { values: [1.5], statuses: ["PRESENT"], event_timestamps: ["2026-03-01T12:00:05.123456Z"] },
    { values: [3], statuses: ["PRESENT"], event_timestamps: ["2026-03-01T12:00:05Z"] },
  ],
};

let server: FaultServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serve(listener: RequestListener): Promise<string> {
  server = await serveFaults(listener);
  return server.url;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}

test("reads a valid response with microseconds", async () => {
  const client = new FeastHttpClient({
    timeoutMs: ANSWER_MS_MAX,
    url: await serve((_request, response) => answer(response, 200, GOOD)),
  });
  expect(await client.getOnlineFeatures(REQUEST)).toEqual({
    featureNames: ["mean", "count"],
    rows: [
      {
        values: [1.5, 3],
        statuses: ["PRESENT", "PRESENT"],
        eventTimestampsMs: [1_772_366_405_123.456, 1_772_366_405_000],
      },
    ],
  });
});

test("sends the request that Feast expects, and requests new headers for each call", async () => {
  const seen: { url: string | undefined; headers: IncomingHttpHeaders; body: string }[] = [];
  const url = await serve(async (request, response) => {
    seen.push({ url: request.url, headers: request.headers, body: await bodyOf(request) });
    answer(response, 200, request.url === "/path/push" ? "" : GOOD);
  });
  let token = 0;
  const headers = () => Promise.resolve({ authorization: `Bearer ${++token}` });
  const client = new FeastHttpClient({ timeoutMs: ANSWER_MS_MAX, url: `${url}/path/`, headers });
  await client.getOnlineFeatures({ ...REQUEST, entities: [{ card_id: 2n ** 60n + 1n }] });
  await client.push({
    pushSource: "p",
    rows: [{ n: -(2n ** 62n) - 1n, at: new Date(0), list: [1, null] }],
    to: "offline",
  });
  expect(seen.map(({ url: path, headers: { authorization } }) => [path, authorization])).toEqual([
    ["/path/get-online-features?status=true", "Bearer 1"],
    ["/path/push", "Bearer 2"],
  ]);
  expect(seen[0]?.body).toBe(
    '{"features":["stats:mean","stats:count"],"entities":{"card_id":[1152921504606846977]},"full_feature_names":false}',
  );
  expect(seen[1]?.body).toBe(
    '{"push_source_name":"p","df":{"n":[-4611686018427387905],"at":["1970-01-01T00:00:00.000Z"],"list":[[1,null]]},"to":"offline","allow_registry_cache":true,"transform_on_write":true}',
  );
});

test("reuses connections", async () => {
  const client = new FeastHttpClient({
    timeoutMs: ANSWER_MS_MAX,
    url: await serve((_request, response) => answer(response, 200, GOOD)),
  });
  for (let count = 0; count < 25; count += 1) await client.getOnlineFeatures(REQUEST);
  // A second connection is opened if a request arrives before fetch has released the first one.
  expect(server?.seen.connections).toBeLessThanOrEqual(3);
  expect(server?.seen.requests).toBe(25);
});

describe("an unavailable server", () => {
  test("is tried three times and named in the error", async () => {
    const [port] = await findFreePorts(1);
    let tries = 0;
    const client = new FeastHttpClient({
      timeoutMs: ANSWER_MS_MAX,
      url: `http://127.0.0.1:${port}`,
      fetch: (...args) => {
        tries += 1;
        return fetch(...args);
      },
    });
    const read = client.getOnlineFeatures(REQUEST);
    await expect(read).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
    expect(tries).toBe(3);
    await expect(client.push(PUSH)).rejects.toMatchObject({ code: "unavailable" });
    expect(tries).toBe(4);
  });

  test.each([502, 503, 504])("does not fail a read if it recovers (%d), but fails a push", async (status) => {
    const url = await serve((_request, response) => {
      if ((server?.seen.requests ?? 0) < 3) answer(response, status, "busy");
      else answer(response, 200, GOOD);
    });
    const client = new FeastHttpClient({ timeoutMs: ANSWER_MS_MAX, url });
    expect(toRecords(await client.getOnlineFeatures(REQUEST))).toEqual([{ mean: 1.5, count: 3 }]);
    expect(server?.seen.requests).toBe(3);
    if (server !== undefined) server.seen.requests = 0;
    await expect(client.push(PUSH)).rejects.toMatchObject({ code: "unavailable" });
    expect(server?.seen.requests).toBe(1);
  });

  test("is retried after it drops the connection in the middle of a response", async () => {
    const url = await serve((_request, response) => {
      if (server?.seen.requests === 1) {
        response.writeHead(200, { "content-length": "1000" });
        response.write('{"metadata":', () => response.destroy());
      } else answer(response, 200, GOOD);
    });
    expect(toRecords(await new FeastHttpClient({ timeoutMs: ANSWER_MS_MAX, url }).getOnlineFeatures(REQUEST))).toEqual([
      { mean: 1.5, count: 3 },
    ]);
    expect(server?.seen.requests).toBe(2);
  });
});

describe("a slow server", () => {
  test.each([
    ["says nothing", () => {}],
    ["stops in the middle of its response", (response: ServerResponse) => void response.write('{"metadata":')],
    ["is always unavailable", (response: ServerResponse) => answer(response, 503, "busy")],
  ])("is abandoned at the deadline if it %s", async (_name, misbehave) => {
    const url = await serve((_request, response) => misbehave(response));
    const client = new FeastHttpClient({ url, timeoutMs: 60_000, attemptsMax: 1_000 });
    const startedMs = performance.now();
    const error: unknown = await client
      .getOnlineFeatures(REQUEST, { timeoutMs: 150 })
      .catch((reason: unknown) => reason);
    expect(["deadline-exceeded", "unavailable"]).toContain((error as { code: string }).code);
    expect(performance.now() - startedMs).toBeLessThan(30_000);
  });

  test("is abandoned when the caller cancels, before or during the call", async () => {
    let arrived = () => {};
    const hasArrived = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const client = new FeastHttpClient({ url: await serve(() => arrived()), timeoutMs: 60_000 });
    const controller = new AbortController();
    const read = client.getOnlineFeatures(REQUEST, { signal: controller.signal });
    await hasArrived;
    controller.abort(new Error("gone"));
    await expect(read).rejects.toMatchObject({ code: "aborted", cause: { message: "gone" } });
    const again = client.getOnlineFeatures(REQUEST, { signal: controller.signal });
    await expect(again).rejects.toMatchObject({ code: "aborted" });
    expect(server?.seen.requests).toBe(1);
  });
});

test.each([
  [401, { detail: "no token" }, "unauthorized"],
  [403, { detail: "not yours" }, "unauthorized"],
  [429, "slow down", "overloaded"],
  [422, { detail: [{ loc: ["body"], msg: "wrong" }] }, "invalid-request"],
  [404, "<html>", "server-error"],
  [500, '"pop from an empty set"', "server-error"],
  [500, "\"'Feature x not found in projection stats'\"", "unknown-feature"],
])("maps the status %d with %j to the error %s, without a retry", async (status, body, code) => {
  const client = new FeastHttpClient({
    timeoutMs: ANSWER_MS_MAX,
    url: await serve((_request, response) => answer(response, status, body)),
  });
  await expect(client.getOnlineFeatures(REQUEST)).rejects.toMatchObject({ code });
  expect(server?.seen.requests).toBe(1);
});

type Vector = { values?: unknown; statuses?: unknown; event_timestamps?: unknown };

describe("a response that is not from Feast", () => {
  const withColumn = (change: Vector) => ({
    ...GOOD,
    results: [GOOD.results[0], { ...GOOD.results[1], ...change }, GOOD.results[2]],
  });

  test.each([
    ["invalid JSON", "<html>Not Feast</html>", "the body"],
    ["an empty body", "", "the body"],
    ["a list", [], "the body"],
    ["without metadata", { results: [] }, "metadata"],
    ["without names", { metadata: {}, results: [] }, "metadata.feature_names"],
    ["without results", { metadata: GOOD.metadata }, "results"],
    ["with too few columns", { ...GOOD, results: [] }, "results"],
    ["without a feature", { metadata: { feature_names: ["card_id", "mean", "sum"] }, results: GOOD.results }, "count"],
    [
      "with an invalid name",
      { ...GOOD, metadata: { feature_names: ["card_id", 7, "count"] } },
      "metadata.feature_names[1]",
    ],
    ["with an invalid column", { ...GOOD, results: [GOOD.results[0], null, GOOD.results[2]] }, "results[1]"],
    ["without values", withColumn({ values: "x" }), "values of mean"],
    ["without statuses", withColumn({ statuses: undefined }), "statuses of mean"],
    ["with too few statuses", withColumn({ statuses: [] }), "mean"],
    [
      "with too many rows",
      withColumn({ values: [1, 2], statuses: ["PRESENT", "PRESENT"], event_timestamps: undefined }),
      "mean",
    ],
    ["with an unknown status", withColumn({ statuses: ["MAYBE"] }), "mean"],
    ["with the status INVALID", withColumn({ statuses: ["INVALID"] }), "mean"],
    ["with an invalid time", withColumn({ event_timestamps: ["yesterday"] }), "mean"],
    ["with a value of another type", withColumn({ values: ["x"] }), "mean"],
  ])("is rejected, and the error names the faulty part: %s", async (_name, body, field) => {
    const url = await serve((_request, response) => answer(response, 200, body));
    const client = new FeastHttpClient({ timeoutMs: ANSWER_MS_MAX, url, registry: { ...SMALL_REGISTRY } });
    await expect(client.getOnlineFeatures(REQUEST)).rejects.toMatchObject({
      code: "malformed-response",
      field,
      message: expect.stringContaining(field),
    });
    expect(server?.seen.requests).toBe(1);
  });
});

test.each([
  ["NaN", { x: Number.NaN }, "x"],
  ["infinity", { x: [1, Number.POSITIVE_INFINITY] }, "x"],
  ["bytes", { x: Uint8Array.of(1) }, "x"],
  ["a rounded number", { x: 2 ** 60 }, "x"],
  ["more than 64 bits", { x: 2n ** 63n }, "x"],
  ["half of a surrogate pair", { x: "\ud800" }, "x"],
  ["an invalid date", { x: new Date(Number.NaN) }, "x"],
  ["undefined", { x: undefined }, "x"],
])("does not push %s", async (_name, row, field) => {
  const client = new FeastHttpClient({ url: "http://127.0.0.1:9" });
  await expect(client.push({ pushSource: "p", rows: [row as never] })).rejects.toMatchObject({
    code: "invalid-value",
    field,
  });
});

test("does not push rows that Feast would round or mix up", async () => {
  const client = new FeastHttpClient({ url: "http://127.0.0.1:9" });
  const push = (rows: Record<string, bigint | number | null>[]) => client.push({ pushSource: "p", rows });
  await expect(push([{ n: 2n ** 60n + 1n }, { n: null }])).rejects.toMatchObject({ code: "invalid-value", field: "n" });
  await expect(push([{ n: 1 }, { m: 1 }])).rejects.toMatchObject({ code: "invalid-request", field: "n" });
  await expect(push([])).rejects.toMatchObject({ code: "invalid-request", field: "rows" });
});

test.each(["", "localhost:6566", "ftp://localhost"])("rejects the url %p", (url) => {
  expect(() => new FeastHttpClient({ url })).toThrow(
    expect.objectContaining({ code: "invalid-request", field: "url" }),
  );
});

test.each([0, -1, Number.NaN, 2 ** 31])("rejects the timeout %p", async (timeoutMs) => {
  const fault = expect.objectContaining({ code: "invalid-request", field: "timeoutMs" });
  expect(() => new FeastHttpClient({ url: "http://127.0.0.1:9", timeoutMs })).toThrow(fault);
  const client = new FeastHttpClient({ url: "http://127.0.0.1:9" });
  await expect(client.getOnlineFeatures(REQUEST, { timeoutMs })).rejects.toEqual(fault);
});
