import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";
import { setGCPResidency } from "gcp-metadata";
import { z } from "zod";
import { fetchAwsCredentials } from "./aws-credentials.js";
import { fetchEntraToken } from "./entra-token.js";
import { fetchGoogleToken } from "./google-token.js";
import type { IdentityVariables } from "./identity-variables.js";
import { identityVariables, missingIdentity } from "./identity-variables.js";
import { awsRegion, cacheName, kafkaTokens, postgresTokens, redisSignIn } from "./open-tokens.js";
import type { EndpointIdentity } from "./sign-endpoint-request.js";
import { endpointSigner } from "./sign-endpoint-request.js";
import type { TestIdentityServer } from "./testing/identity-server.js";
import { startIdentityServer, TEST_EMAIL, TEST_ROLE } from "./testing/identity-server.js";

/** Has the shape of a JWT, which is all that is read. */
const entraToken = `e30.${Buffer.from('{"oid":"object-1"}').toString("base64url")}.c2ln`;
const schema = z.object(identityVariables);

let server: TestIdentityServer;
let scopes: string[];
let variables: IdentityVariables;

beforeEach(async () => {
  scopes = [];
  server = await startIdentityServer((scope) => {
    scopes.push(scope);
    return { text: scope.startsWith("https://") ? entraToken : `${scope}-${scopes.length}`, seconds: 3_600 };
  });
  variables = schema.parse(server.environment);
});

afterEach(() => server.close());

/** All variables except the given ones. */
const without = (...names: (keyof IdentityVariables)[]): IdentityVariables => ({
  ...variables,
  ...Object.fromEntries(names.map((name) => [name, undefined])),
});

describe("a managed endpoint", () => {
  test.each<[EndpointIdentity, string, string, string]>([
    ["gcp-iam", "https://europe-west1-aiplatform.googleapis.com/v1/x:rawPredict", "google", "google-1"],
    ["azure-entra", "https://x.westeurope.inference.ml.azure.com/score", "https://ml.azure.com/.default", entraToken],
  ])("receives a bearer token from %s", async (identity, url, scope, token) => {
    const sign = endpointSigner(identity, variables, new URL(url));
    expect(await sign("{}")).toEqual({ authorization: `Bearer ${token}` });
    await sign("{}");
    expect(scopes).toEqual([scope]);
  });

  test("receives requests signed with the pod's credentials for its region (SageMaker)", async () => {
    const url = new URL("https://runtime.sagemaker.us-east-2.amazonaws.com/endpoints/fraud/invocations");
    const headers = await endpointSigner("aws-iam", variables, url)("{}");
    expect(headers.authorization).toContain("/us-east-2/sagemaker/aws4_request");
    expect(headers["x-amz-security-token"]).toBe("sts-1");
  });

  test("reports that there is no identity", async () => {
    const none = without("AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ACCESS_KEY_ID");
    const url = new URL("https://runtime.sagemaker.us-east-2.amazonaws.com/endpoints/fraud/invocations");
    await expect(endpointSigner("aws-iam", none, url)("{}")).rejects.toMatchObject({ code: "identity-unavailable" });
  });
});

describe("Google", () => {
  test("uses the metadata server's token as the password, and requests it once", async () => {
    const tokens = postgresTokens("gcp-iam", variables, "10.1.0.3:5432", "auth@project.iam");
    const { value, renewAtMs } = await tokens();
    expect(value.text).toBe("google-1");
    expect(value.expiresAtMs - renewAtMs).toBe(225_000);
    await tokens();
    expect(scopes).toEqual(["google"]);
    const signIn = redisSignIn("gcp-iam", variables, { host: "10.1.0.4", user: undefined });
    expect(await signIn()).toMatchObject({ user: "default", password: "google-2" });
  });

  test("wraps the token for Kafka as Managed Kafka requires", async () => {
    const { value } = await kafkaTokens("gcp-oauth", variables, "bootstrap.x.managedkafka.p.cloud.goog")();
    const [header, claims, token] = value.text.split(".").map((part) => Buffer.from(part, "base64url").toString());
    expect(JSON.parse(header ?? "")).toEqual({ typ: "JWT", alg: "GOOG_OAUTH2_TOKEN" });
    expect(JSON.parse(claims ?? "")).toEqual({
      exp: Math.floor(value.expiresAtMs / 1000),
      iat: expect.any(Number),
      iss: "Google",
      scope: "kafka",
      sub: TEST_EMAIL,
    });
    expect(token).toBe("google-1");
  });
});

describe("Azure", () => {
  test.each([
    [
      "Kafka",
      () => kafkaTokens("azure-entra", variables, "tripline.servicebus.windows.net"),
      "https://tripline.servicebus.windows.net/.default",
    ],
    [
      "Postgres",
      () => postgresTokens("azure-entra", variables, "h:5432", "auth"),
      "https://ossrdbms-aad.database.windows.net/.default",
    ],
  ])("exchanges the pod's token for a token for %s", async (_what, open, scope) => {
    expect((await open()()).value.text).toBe(entraToken);
    expect(scopes).toEqual([scope]);
  });

  test("uses the object ID in the token as the Redis user, unless the URL contains a user", async () => {
    const host = "tripline.westeurope.redis.azure.net";
    const signIn = redisSignIn("azure-entra", variables, { host, user: undefined });
    expect(await signIn()).toMatchObject({ user: "object-1", password: entraToken });
    expect(scopes).toEqual(["https://redis.azure.com/.default"]);
    expect(await redisSignIn("azure-entra", variables, { host, user: "somebody" })()).toMatchObject({
      user: "somebody",
    });
  });

  test("reports Entra's error text", async () => {
    const tokens = kafkaTokens("azure-entra", { ...variables, AZURE_CLIENT_ID: "another" }, "h");
    await expect(tokens()).rejects.toMatchObject({
      code: "identity-unavailable",
      message: expect.stringMatching(/^Entra issued no token \(HTTP 400\): .*client_id/),
    });
  });
});

describe("AWS", () => {
  const master = "master.tripline-dev.ab12cd.euc1.cache.amazonaws.com";

  test("exchanges the pod's token for the role's credentials, and signs with them", async () => {
    const signIn = redisSignIn("aws-iam", variables, { host: master, user: undefined });
    const { user, password } = await signIn();
    expect(user).toBe("tripline-dev-features");
    expect(password).toMatch(/^tripline-dev\/\?/);
    const parameters = new URLSearchParams(password.split("?")[1]);
    expect(Object.fromEntries(parameters)).toMatchObject({
      Action: "connect",
      User: "tripline-dev-features",
      "X-Amz-Credential": expect.stringMatching(/^ASIAFROMSTS\/\d{8}\/eu-central-1\/elasticache\/aws4_request$/),
      "X-Amz-Security-Token": "sts-1",
      "X-Amz-Expires": "900",
    });
    expect(scopes).toEqual(["sts"]);
  });

  test("also uses Pod Identity and access keys", async () => {
    const pod = await fetchAwsCredentials(without("AWS_ROLE_ARN"), "eu-central-1");
    expect(pod).toMatchObject({ accessKeyId: "ASIAFROMEKS", sessionToken: "eks-1" });
    const keys = { ...variables, AWS_ACCESS_KEY_ID: "AKIA", AWS_SECRET_ACCESS_KEY: "s" };
    expect(await fetchAwsCredentials(keys, "eu-central-1")).toMatchObject({
      accessKeyId: "AKIA",
      sessionToken: undefined,
    });
    expect(scopes).toEqual(["eks"]);
  });

  test("reads the region and the cache from an address", () => {
    expect(awsRegion(variables, "b-1.tripline.ab1.c2.kafka.us-east-2.amazonaws.com")).toBe("us-east-2");
    expect(awsRegion(variables, "t.c9.ap-southeast-1.rds.amazonaws.com:5432")).toBe("ap-southeast-1");
    expect(awsRegion(variables, "b-1.t.kafka.us-gov-west-1.amazonaws.com")).toBe("us-gov-west-1");
    expect(awsRegion(variables, master)).toBe("eu-central-1");
    expect(awsRegion(without("AWS_REGION"), master)).toBeUndefined();
    expect(cacheName(master)).toBe("tripline-dev");
    expect(cacheName("cache.internal")).toBeUndefined();
  });

  test("reports a role unknown to STS", async () => {
    const tokens = kafkaTokens("aws-msk-iam", { ...variables, AWS_ROLE_ARN: `${TEST_ROLE}-2` }, "h");
    await expect(tokens()).rejects.toThrow("AWS STS issued no token (HTTP 400): ");
  });
});

test("reports a response that is not a token, a server that is down, and a missing file", async () => {
  server.failWith(200);
  const google = postgresTokens("gcp-iam", variables, "h", "u");
  await expect(google()).rejects.toThrow("Google's metadata server did not return a token.");
  server.failWith(undefined);
  await rm(variables.AZURE_FEDERATED_TOKEN_FILE ?? "");
  const entra = postgresTokens("azure-entra", variables, "h", "u");
  await expect(entra()).rejects.toThrow("The token of the service account cannot be read: ENOENT");
  await server.close();
  const away = postgresTokens("gcp-iam", variables, "h", "u");
  await expect(away()).rejects.toMatchObject({
    code: "identity-unavailable",
    message: expect.stringMatching(/^Google's metadata server is not responding at 127\.0\.0\.1:\d+: .*ECONNREFUSED/),
  });
});

test("does not wait forever for a server that accepts a request and never responds", async () => {
  server.failWith("silence");
  // On Google Cloud, its library would set no timeout.
  setGCPResidency(true);
  const asking = [
    fetchAwsCredentials(variables, "eu-central-1"),
    fetchAwsCredentials(without("AWS_ROLE_ARN"), "eu-central-1"),
    fetchEntraToken(variables, "https://redis.azure.com"),
    fetchGoogleToken(variables),
  ];
  const answers = await Promise.allSettled(asking);
  expect(answers.map((answer) => (answer.status === "rejected" ? answer.reason.message : answer.value))).toEqual([
    expect.stringMatching(/^AWS STS is not responding at 127\.0\.0\.1:\d+: .*3000 ms/),
    expect.stringMatching(/^EKS Pod Identity is not responding at 127\.0\.0\.1:\d+: .*timeout/),
    expect.stringMatching(/^Entra is not responding at 127\.0\.0\.1:\d+: .*timeout/),
    expect.stringMatching(/^Google's metadata server is not responding at 127\.0\.0\.1:\d+: .*aborted\.$/),
  ]);
  // One request for each token, and two retries by Google's library.
  expect(server.asked).toBe(6);
});

test("reports a response without a token from each provider", async () => {
  server.failWith(200);
  await expect(fetchAwsCredentials(variables, "r")).rejects.toThrow("AWS STS did not return a token.");
  await expect(fetchAwsCredentials(without("AWS_ROLE_ARN"), "r")).rejects.toThrow(
    "EKS Pod Identity did not return a token.",
  );
  await expect(fetchEntraToken(variables, "https://h")).rejects.toThrow("Entra did not return a token.");
});

test("loads a cloud's library only for that cloud", async () => {
  const program = `
    import { registerHooks } from "node:module";
    const libraries = /node_modules\\/(@aws-sdk|@azure|@smithy|gcp-metadata)\\//;
    let seen = new Set();
    registerHooks({
      resolve(name, context, next) {
        const found = next(name, context);
        const library = libraries.exec(found.url)?.[1];
        if (library !== undefined) seen.add(library);
        return found;
      },
    });
    const { kafkaTokens, postgresTokens } = await import(process.argv[1]);
    const loaded = [[...seen]];
    for (const open of [
      () => postgresTokens("gcp-iam", process.env, "h", "u"),
      () => kafkaTokens("azure-entra", process.env, "h"),
      () => postgresTokens("aws-iam", process.env, "h", "u"),
    ]) {
      seen = new Set();
      await open()();
      loaded.push([...seen].sort());
    }
    process.stdout.write(JSON.stringify(loaded));`;
  const entry = new URL("./open-tokens.js", import.meta.url).href;
  const parameters = ["--input-type=module", "-e", program, entry];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, parameters, { env: server.environment });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual([[], ["gcp-metadata"], ["@azure"], ["@aws-sdk", "@smithy"]]);
});

test("reports which variables an environment lacks for an identity", () => {
  const nothing = schema.parse({ AWS_ROLE_ARN: "", AZURE_CLIENT_ID: "x" });
  expect(missingIdentity("gcp", nothing)).toEqual([]);
  expect(missingIdentity("aws", nothing)).toEqual([expect.stringContaining("AWS_ROLE_ARN")]);
  expect(missingIdentity("azure", nothing)).toEqual([expect.stringContaining("AZURE_TENANT_ID")]);
  for (const cloud of ["aws", "azure", "gcp"] as const) expect(missingIdentity(cloud, variables)).toEqual([]);
});

test("rejects plain HTTP for Entra in the settings, as Microsoft's library would", () => {
  const given = schema.safeParse({ AZURE_AUTHORITY_HOST: "http://127.0.0.1:1/" });
  expect(given.error?.issues).toMatchObject([{ path: ["AZURE_AUTHORITY_HOST"], message: "must start with https://" }]);
});
