import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { z } from "zod";
import type { AwsSigning } from "./sign-aws-token.js";
import {
  signCacheToken,
  signDatabaseToken,
  signEndpointRequest,
  signKafkaToken,
  tokenEndMs,
} from "./sign-aws-token.js";

/**
 * Signed by AWS's own Python library with fixed credentials at a fixed time; `golden/make_aws_tokens.py` regenerates
 * them.
 */
const golden = z
  .object({
    at: z.iso.datetime(),
    region: z.string(),
    cacheName: z.string(),
    cacheUser: z.string(),
    databaseHost: z.string(),
    databaseUser: z.string(),
    endpointUrl: z.string(),
    endpointBody: z.string(),
    vectors: z.record(
      z.string(),
      z.object({
        accessKeyId: z.string(),
        secretAccessKey: z.string(),
        sessionToken: z.string().nullable(),
        kafka: z.string(),
        cache: z.string(),
        database: z.string(),
        endpoint: z.string(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL("../golden/aws-tokens.json", import.meta.url), "utf8")));

const nowMs = Date.parse(golden.at);

function signingOf({ accessKeyId, secretAccessKey, sessionToken }: (typeof golden.vectors)[string]): AwsSigning {
  const expiresAtMs = nowMs + 3_600_000;
  return {
    credentials: { accessKeyId, secretAccessKey, sessionToken: sessionToken ?? undefined, expiresAtMs },
    region: golden.region,
    nowMs,
  };
}

/** The order of parameters does not matter: AWS sorts them before it compares signatures. */
function partsOf(url: string): unknown {
  const [host, query] = url.split("/?");
  return { host, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

describe.each(Object.entries(golden.vectors))("signing with the credentials of a %s", (_name, vector) => {
  const signing = signingOf(vector);

  test("matches AWS's own library for a SageMaker endpoint", async () => {
    const headers = await signEndpointRequest(signing, new URL(golden.endpointUrl), golden.endpointBody);
    expect(headers.authorization).toBe(vector.endpoint);
    expect(headers).toMatchObject({ "content-type": "application/json", "x-amz-date": expect.any(String) });
    expect(headers["x-amz-security-token"]).toBe(vector.sessionToken ?? undefined);
  });

  test("matches AWS's own library for MSK", async () => {
    const token = await signKafkaToken(signing);
    expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    const url = Buffer.from(token, "base64url").toString();
    expect(url.endsWith("&User-Agent=tripline")).toBe(true);
    expect(partsOf(url.replace("&User-Agent=tripline", ""))).toEqual(partsOf(vector.kafka));
  });

  test("matches AWS's own library for ElastiCache", async () => {
    const token = await signCacheToken(signing, golden.cacheName, golden.cacheUser);
    expect(partsOf(token)).toEqual(partsOf(vector.cache));
  });

  test("matches AWS's own library for RDS", async () => {
    const token = await signDatabaseToken(signing, golden.databaseHost, golden.databaseUser);
    expect(partsOf(token)).toEqual(partsOf(vector.database));
  });
});

test("gives the same signature in plain Node, which resolves fewer modules than Jest", async () => {
  const [vector] = Object.values(golden.vectors);
  if (vector === undefined) throw new Error("there is no vector");
  const token = new URL("./sign-aws-token.js", import.meta.url).href;
  const program = `import(${JSON.stringify(token)}).then(async ({ signDatabaseToken }) => {
    const [signing, host, user] = JSON.parse(process.argv[1]);
    process.stdout.write(await signDatabaseToken(signing, host, user));
  });`;
  const parameters = JSON.stringify([signingOf(vector), golden.databaseHost, golden.databaseUser]);
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", program, parameters]);
  expect(partsOf(stdout)).toEqual(partsOf(vector.database));
});

test("a token expires with its credentials if they expire first", () => {
  const credentials = { accessKeyId: "a", secretAccessKey: "b", sessionToken: "c", expiresAtMs: nowMs + 60_000 };
  expect(tokenEndMs({ credentials, region: "r", nowMs })).toBe(nowMs + 60_000);
  expect(tokenEndMs({ credentials: { ...credentials, expiresAtMs: nowMs + 3_600_000 }, region: "r", nowMs })).toBe(
    nowMs + 900_000,
  );
});
