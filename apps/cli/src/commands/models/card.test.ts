import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { cardCommands } from "./card.js";

const read = {
  owner: "Fraud models",
  expires_at: "2027-03-01T00:00:00.000Z",
  registered_at: "2026-12-01T10:00:00.000Z",
};
const ANSWERS: Readonly<Record<string, object>> = {
  "/oauth/token": { access_token: "t", token_type: "Bearer", expires_in: 300 },
  "/v1/models/fraud/versions/0123456789ab/card": {
    ...read,
    ...{ version: "0123456789ab", registered_by: "ann", signed_by: null },
  },
};

const asked: string[] = [];
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? "", "http://localhost");
  asked.push(`${request.method} ${pathname} ${await text(request)}`);
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(ANSWERS[pathname] ?? {}));
});
let url: string;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  Object.assign(process.env, { CLIENT_ID: "a-client", CLIENT_SECRET: "a-secret" });
});
afterAll(() => {
  server.close();
  delete process.env.CLIENT_ID;
  delete process.env.CLIENT_SECRET;
});

test("regression #31: sign prints the card, and signs exactly this card", async () => {
  const printed: string[] = [];
  const sign = cardCommands({ write: (line) => printed.push(line) }).find((command) => command.name() === "sign");
  const options = ["--control", url, "--token-url", `${url}/oauth/token`];
  await sign?.parseAsync(["0123456789ab", ...options], { from: "user" });
  expect(printed[0]).toContain("0123456789ab: owner Fraud models, expires 2027-03-01T00:00:00.000Z, registered by ann");
  expect(asked.slice(-2)).toEqual([
    "GET /v1/models/fraud/versions/0123456789ab/card ",
    `POST /v1/models/fraud/versions/0123456789ab/signature ${JSON.stringify(read)}`,
  ]);
});
