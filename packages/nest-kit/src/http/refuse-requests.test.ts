import type { RunningService } from "../start-service.js";
import { RawClient, startTestService } from "../testing/service.js";

const HOST = "host: x\r\n";
const END = "\r\n\r\n";

describe("requests that match no route", () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await startTestService({ limits: { headersTimeoutMs: 300 } });
  });

  afterAll(() => service.close());

  const refused: [what: string, request: string, status: number, code: string][] = [
    ["a request that is not HTTP", `ECHO-ME${END}`, 400, "malformed-request"],
    ["an unknown method", `FETCH /ECHO-ME HTTP/1.1\r\n${HOST}\r\n`, 400, "malformed-request"],
    ["an invalid version", `GET /ECHO-ME HTTP/7.7\r\n${HOST}\r\n`, 400, "malformed-request"],
    ["a control character in a header", `GET / HTTP/1.1\r\n${HOST}x-a: ECHO-ME\u0001${END}`, 400, "malformed-request"],
    ["an invalid length", `POST /body HTTP/1.1\r\n${HOST}content-length: ECHO-ME${END}`, 400, "malformed-request"],
    [
      "both a length and chunks",
      `POST /body HTTP/1.1\r\n${HOST}content-length: 7\r\ntransfer-encoding: chunked\r\n\r\nECHO-ME`,
      400,
      "malformed-request",
    ],
    [
      "a chunk without a size",
      `POST /body HTTP/1.1\r\n${HOST}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nECHO-ME`,
      400,
      "malformed-request",
    ],
    ["a missing Host", `GET /ECHO-ME HTTP/1.1${END}`, 400, "invalid-header"],
    ["an expectation", `GET /ECHO-ME HTTP/1.1\r\n${HOST}expect: ECHO-ME${END}`, 400, "invalid-header"],
    ["endless headers", `GET /ECHO-ME HTTP/1.1\r\n${HOST}`, 408, "request-timeout"],
    ["large headers", `GET / HTTP/1.1\r\n${HOST}x-a: ${"ECHO-ME".repeat(3_000)}${END}`, 431, "headers-too-large"],
    ["a long URL", `GET /${"ECHO-ME".repeat(3_000)} HTTP/1.1\r\n${HOST}\r\n`, 431, "headers-too-large"],
    ["a long ID", `GET /things/${"ECHO-ME".repeat(50)} HTTP/1.1\r\n${HOST}\r\n`, 414, "address-too-long"],
    ["an invalid escape", `GET /ECHO-ME%zz HTTP/1.1\r\n${HOST}\r\n`, 400, "malformed-request"],
    ["an invalid escape in an ID", `GET /things/ECHO-ME%c3 HTTP/1.1\r\n${HOST}\r\n`, 400, "malformed-request"],
    ["an unknown path", `GET /ECHO-ME HTTP/1.1\r\n${HOST}\r\n`, 404, "not-found"],
    ["an empty path", `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 404, "not-found"],
  ];
  // A proxy in front of the service might parse these differently (request smuggling).
  const body = (headers: string, content = "ECHO-ME") =>
    `POST /body HTTP/1.1\r\n${HOST}content-type: application/json\r\n${headers}\r\n\r\n${content}`;
  const smuggled: typeof refused = [
    ["two lengths", body("content-length: 7\r\ncontent-length: 8"), 400, "malformed-request"],
    ["a list of lengths", body("content-length: 7, 8"), 400, "malformed-request"],
    ["a negative length", body("content-length: -7"), 400, "malformed-request"],
    ["a length with a sign", body("content-length: +7"), 400, "malformed-request"],
    ["a length in hexadecimal", body("content-length: 0x7"), 400, "malformed-request"],
    ["a space before the colon", body("transfer-encoding : chunked"), 400, "malformed-request"],
    ["a folded header", body("transfer-encoding:\r\n chunked", "0\r\n\r\nECHO-ME"), 400, "malformed-request"],
    ["a transfer coding that is not last", body("transfer-encoding: chunked, identity"), 400, "malformed-request"],
    ["an unknown transfer coding", body("transfer-encoding: xchunked"), 400, "malformed-request"],
    ["chunks followed by a length", body("transfer-encoding: chunked\r\ncontent-length: 7"), 400, "malformed-request"],
    [
      "a chunk size that overflows",
      body("transfer-encoding: chunked", "fffffffffffffffff\r\nECHO-ME"),
      400,
      "malformed-request",
    ],
    ["a bare carriage return in a header", body("x-a: a\rtransfer-encoding: chunked"), 400, "malformed-request"],
    ["a NUL in a header", body("x-a: ECHO\0ME"), 400, "malformed-request"],
    ["a header without a name", body(": ECHO-ME"), 400, "malformed-request"],
    ["thousands of headers", body("x-a: ECHO-ME\r\n".repeat(5_000)), 431, "headers-too-large"],
  ];
  test.each([...refused, ...smuggled])(
    "get a problem document that does not repeat the input: %s",
    async (_what, request, status, code) => {
      const client = new RawClient(service).write(request);
      const received = await client.answer();
      client.socket.destroy();
      const [head = "", body = ""] = received.split(END);
      expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`));
      expect(head).toMatch(/\r\ncontent-type: application\/problem\+json/i);
      expect(head).toMatch(/\r\ndate: /i);
      expect(JSON.parse(body)).toMatchObject({ type: `urn:tripline:error:${code}`, status, code });
      expect(received).not.toContain("ECHO-ME");
    },
  );

  const XML = "content-type: application/xml\r\ncontent-length: 4\r\n\r\n<a/>";
  const wrong: [what: string, request: string, allow: string][] = [
    ["TRACE", `TRACE /body HTTP/1.1\r\n${HOST}\r\n`, "POST"],
    ["QUERY without a content type", `QUERY /body HTTP/1.1\r\n${HOST}\r\n`, "POST"],
    ["QUERY with a body", `QUERY /body HTTP/1.1\r\n${HOST}${XML}`, "POST"],
    ["OPTIONS", `OPTIONS /things/7 HTTP/1.1\r\n${HOST}\r\n`, "GET, HEAD"],
    ["OPTIONS with a body", `OPTIONS /things/7?a=/ HTTP/1.1\r\n${HOST}${XML}`, "GET, HEAD"],
    ["PROPFIND", `PROPFIND /things/7 HTTP/1.1\r\n${HOST}\r\n`, "GET, HEAD"],
    ["PUT with a body of another type", `PUT /body HTTP/1.1\r\n${HOST}${XML}`, "POST"],
    ["GET on a POST route", `GET /body HTTP/1.1\r\n${HOST}\r\n`, "POST"],
    ["DELETE on health", `DELETE /health/live HTTP/1.1\r\n${HOST}\r\n`, "GET, HEAD"],
  ];
  test.each(wrong)("get 405 with the allowed methods: %s", async (_what, request, allow) => {
    const client = new RawClient(service).write(request);
    const received = await client.answer();
    client.socket.destroy();
    expect(received).toMatch(/^HTTP\/1\.1 405 /);
    expect(received).toContain(`\r\nallow: ${allow}\r\n`);
    expect(received).toContain('"code":"method-not-allowed"');
  });

  test.each(["/things/", "/things/7/8", "/bodyguard"])(
    "%s is not a known path, so it gets no list of methods",
    async (path) => {
      const client = new RawClient(service).write(`TRACE ${path} HTTP/1.1\r\n${HOST}\r\n`);
      expect(await client.answer()).toMatch(/^HTTP\/1\.1 404 /);
      client.socket.destroy();
    },
  );
});
