import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { testStack } from "@tripline/local-stack/testing/stack";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { z } from "zod";
import { registerClient } from "./clients/register-client.js";
import {
  ANNA,
  authorizationRequest,
  Browser,
  CONSOLE,
  codeForm,
  exchange,
  PEOPLE_ENVIRONMENT,
  signIn,
} from "./testing/browser.js";
import { authEnvironment, basic, requestToken, SHOP, SHOP_BASIC } from "./testing/service.js";

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));
const upLine = z.object({ msg: z.literal("auth is up"), url: z.url() });

interface RunningMain {
  readonly process: ChildProcess;
  /** Everything written to standard output and standard error. */
  readonly lines: string[];
  readonly url: Promise<string>;
  /** The exit code, once all output is read. */
  readonly end: Promise<number | null>;
}

const started: ChildProcess[] = [];

// A failed expectation must not leave a process behind.
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

function runMainWith(environment: Record<string, string>): RunningMain {
  const child = spawn(process.execPath, [MAIN], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  const lines: string[] = [];
  const { promise: url, resolve, reject } = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      const up = line.startsWith("{") ? upLine.safeParse(JSON.parse(line)) : undefined;
      if (up?.success) resolve(up.data.url);
    });
  }
  const end = once(child, "close").then(([code]) => {
    reject(new Error(`it ended: ${lines.join("\n")}`));
    return z.number().nullable().parse(code);
  });
  url.catch(() => undefined);
  return { process: child, lines, url, end };
}

describe("the process", () => {
  test("writes only its own log lines, which contain no secret, hash, assertion, token or key", async () => {
    const { postgresUrl, kafkaBrokers } = await testStack();
    const environment = authEnvironment(postgresUrl, {
      LOG_LEVEL: "trace",
      HOST: "127.0.0.1",
      KAFKA_BROKERS: kafkaBrokers.join(","),
      ...PEOPLE_ENVIRONMENT,
    });
    const main = runMainWith(environment);
    const url = await main.url;
    const { privateKey, publicKey } = await generateKeyPair("ES256");
    const database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 5_000, onIdleError() {} });
    const jwks = {
      keys: [await exportJWK(publicKey)].map(({ kty = "", crv = "", x = "", y = "" }) => ({ kty, crv, x, y })),
    };
    await registerClient(database, { client_id: "bank", tenant: "acme", scopes: ["labels:write"], jwks });
    const stored = await database.query(
      z.object({ secret_hash: z.string() }),
      "SELECT secret_hash FROM auth.clients WHERE client_id = 'shop'",
    );
    await database.close();
    const assertion = await new SignJWT({ jti: "1", iss: "bank", sub: "bank", aud: environment.AUTH_ISSUER })
      .setProtectedHeader({ alg: "ES256" })
      .setExpirationTime("60s")
      .sign(privateKey);
    const withAssertion = {
      client_assertion: assertion,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    };
    const wrongSecret = "wrong-secret-that-somebody-typed";
    const answers = [
      await requestToken(url, SHOP_BASIC),
      await requestToken(url, basic("shop", wrongSecret)),
      await requestToken(url, basic(wrongSecret, "secret in the wrong field")),
      await requestToken(url, undefined, { client_id: "shop", client_secret: wrongSecret }),
      await requestToken(url, SHOP_BASIC, { scope: "unknown", resource: "urn:other" }),
      await requestToken(url, SHOP_BASIC, {}, { origin: "https://shop.example", accept: "text/html" }),
      await requestToken(url, undefined, withAssertion),
      await requestToken(url, undefined, withAssertion),
    ];
    expect(answers.map((answer) => answer.status)).toEqual([200, 401, 401, 401, 400, 400, 200, 401]);
    const browser = new Browser(url);
    const typed = "password-in-the-wrong-field";
    await expect(
      signIn(browser, authorizationRequest().path, { user_name: typed, password: wrongSecret }),
    ).rejects.toThrow();
    const { path, verifier } = authorizationRequest({ prompt: "login" });
    const callback = await signIn(browser, path);
    const { tokens } = await exchange(url, codeForm(callback, verifier));
    main.process.kill("SIGTERM");
    await expect(main.end).resolves.toBe(0);

    expect(main.lines.filter((line) => !line.startsWith("{"))).toEqual([]);
    const written = main.lines.join("\n");
    expect(written).toContain("token issued");
    expect(written).toContain("token rejected");
    const secrets = [
      SHOP.client_secret,
      wrongSecret,
      SHOP_BASIC.slice("Basic ".length),
      environment.KEY_ENCRYPTION_KEY,
      assertion,
      assertion.split(".")[2],
      ...stored.map((row) => row.secret_hash),
      ...[ANNA.password, typed, CONSOLE.client_secret, verifier, callback.searchParams.get("code")],
      ...[tokens?.access_token, tokens?.refresh_token, tokens?.id_token, browser.cookie("tripline_auth")],
      ...answers.flatMap((answer) => answer.access_token ?? []),
    ];
    expect(secrets.length).toBeGreaterThanOrEqual(9);
    expect(secrets.filter((secret) => (secret ?? "").length < 15)).toEqual([]);
    for (const secret of secrets) expect(written).not.toContain(secret);
    expect(written).not.toMatch(/"d":|PRIVATE KEY/);
  });

  test("exits with the code for invalid configurations, and logs the error in one line", async () => {
    const { postgresUrl, kafkaBrokers } = await testStack();
    const settings = { LOG_LEVEL: "info", KAFKA_BROKERS: kafkaBrokers.join(",") };
    const first = runMainWith(authEnvironment(postgresUrl, settings));
    await first.url;
    first.process.kill("SIGTERM");
    await first.end;
    const second = runMainWith(authEnvironment(postgresUrl, settings));
    await expect(second.end).resolves.toBe(78);
    expect(second.lines).toHaveLength(1);
    expect(second.lines[0]).toContain("KEY_ENCRYPTION_KEY cannot decrypt the signing key");
  });
});
