import { problemSchema } from "@tripline/http/describe-problems";
import { z } from "zod";
import type { TestBed } from "../testing/service.js";
import { startTestBed } from "../testing/service.js";
import { describeApi } from "./describe-api.js";

const operation = z.object({
  security: z.array(z.object({ oauth: z.array(z.string()) })),
  requestBody: z.object({ content: z.record(z.string(), z.object({ example: z.unknown() })) }).optional(),
  responses: z.record(z.string(), z.object({ content: z.record(z.string(), z.unknown()) })),
});
const description = z.object({
  openapi: z.literal("3.1.0"),
  paths: z.record(z.string(), z.object({ post: operation.optional(), get: operation.optional() })),
  components: z.object({
    schemas: z.record(z.string(), z.record(z.string(), z.unknown())),
    securitySchemes: z.object({
      oauth: z.object({ flows: z.object({ clientCredentials: z.object({ tokenUrl: z.url() }) }) }),
    }),
  }),
});

describe("GET /openapi.json", () => {
  let bed: TestBed;
  let api: z.infer<typeof description>;
  let text: string;

  beforeAll(async () => {
    bed = await startTestBed();
    const response = await fetch(`${bed.service.url}/openapi.json`);
    text = await response.text();
    api = description.parse(JSON.parse(text));
  });

  afterAll(() => bed.close());

  test("needs no token, and contains the token endpoint", () => {
    const { tokenUrl } = api.components.securitySchemes.oauth.flows.clientCredentials;
    expect(tokenUrl).toBe("https://auth.tripline.test/oauth/token");
    const moved = { ...bed.config, AUTH_TOKEN_URL: "https://elsewhere.test/token" };
    expect(JSON.stringify(describeApi(moved, 0))).toContain("https://elsewhere.test/token");
  });

  test("every reference resolves, and every schema is used", () => {
    const names = new Set([...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]));
    expect([...names].toSorted()).toEqual(Object.keys(api.components.schemas).toSorted());
  });

  test("its schemas are those that validate requests: closed, with required fields", () => {
    expect(api.components.schemas.Transaction).toMatchObject({
      type: "object",
      additionalProperties: false,
      required: ["transaction_id", "card", "amount", "occurred_at"],
      properties: {
        card: {
          additionalProperties: false,
          oneOf: [{ required: ["number"], not: { required: ["bin"] } }, { required: ["token"] }],
        },
        amount: { properties: { minor: { type: "integer", minimum: 0, maximum: 1e12 } } },
        occurred_at: { type: "string", format: "date-time" },
        device_id: { type: "string", minLength: 1, maxLength: 128, writeOnly: true },
        ip_address: {
          type: "string",
          // Each needs a type: client generators treat a schema without one as a value of any type.
          anyOf: [
            { type: "string", format: "ipv4" },
            { type: "string", format: "ipv6" },
          ],
          writeOnly: true,
        },
        email: { type: "string", format: "email", writeOnly: true },
        card_country: { type: "string", pattern: "^[A-Z]{2}$" },
        location: {
          required: ["latitude", "longitude"],
          additionalProperties: false,
          properties: { latitude: { minimum: -90, maximum: 90 }, longitude: { minimum: -180, maximum: 180 } },
        },
      },
    });
  });

  test("regression #24: contains the requested server, both ways to identify a card, and the currencies", () => {
    const { servers } = z.object({ servers: z.array(z.object({ url: z.url() })) }).parse(JSON.parse(text));
    expect(servers).toEqual([{ url: bed.service.url }]);
    const { Currency, Label } = api.components.schemas;
    expect(Currency).toMatchObject({ type: "string", enum: expect.arrayContaining(["EUR", "JPY"]) });
    expect(Label).toMatchObject({
      properties: { card: { oneOf: [{ required: ["number"] }, { required: ["token"] }] } },
    });
  });

  test("the example payment contains every field", () => {
    const { example } = api.paths["/v1/transactions"]?.post?.requestBody?.content["application/json"] ?? {};
    const fields = z
      .object({ properties: z.record(z.string(), z.unknown()) })
      .parse(api.components.schemas.Transaction);
    expect(Object.keys(Object(example)).toSorted()).toEqual(Object.keys(fields.properties).toSorted());
  });

  test("the examples are accepted unchanged", async () => {
    for (const [path, { post }] of Object.entries(api.paths)) {
      for (const [type, { example }] of Object.entries(post?.requestBody?.content ?? {})) {
        const body = typeof example === "string" ? example : JSON.stringify(example);
        const answer = await bed.client.send(path, body, { "content-type": type });
        expect([path, answer.status, answer.text]).toEqual([
          path,
          type === "application/json" ? 202 : 200,
          expect.stringMatching(/"status":(202|"pending")/),
        ]);
      }
    }
  });

  test("every documented problem has the documented structure", async () => {
    const answer = await bed.client.post("/v1/transactions", {});
    expect(problemSchema.parse(answer.body)).toMatchObject({ status: 422 });
    const { responses } = operation.parse(api.paths["/v1/transactions"]?.post);
    expect(Object.keys(responses)).toEqual([
      "200",
      "202",
      "400",
      "401",
      "403",
      "409",
      "413",
      "415",
      "422",
      "429",
      "503",
    ]);
  });
});
