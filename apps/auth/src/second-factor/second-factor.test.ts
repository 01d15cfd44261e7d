import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { decodeJwt } from "jose";
import { Secret, TOTP } from "otpauth";
import { z } from "zod";
import { PeopleAdmin } from "../admin/people-admin.js";
import { startAuth } from "../start-auth.js";
import type { Answer } from "../testing/browser.js";
import {
  ANNA,
  authorizationRequest,
  Browser,
  beginSignIn,
  codeForm,
  csrfOf,
  exchange,
  PEOPLE_ENVIRONMENT,
  signIn,
} from "../testing/browser.js";
import { testConfig } from "../testing/service.js";

const ADMIN = { tenant: ANNA.tenant, subject: "root", kind: "person" } as const;

let service: RunningService;
let strict: RunningService;
let database: Database;

beforeAll(async () => {
  const { postgresUrl } = await testStack();
  const config = testConfig(postgresUrl, PEOPLE_ENVIRONMENT);
  service = await startAuth(config);
  strict = await startAuth({ ...config, SECOND_FACTOR: "required" });
  database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 5_000, onIdleError() {} });
});

afterAll(async () => {
  await Promise.all([service.close(), strict.close()]);
  await database.close();
});

afterEach(async () => {
  await database.execute("TRUNCATE auth.sign_in_failures");
  await database.execute("UPDATE auth.people SET totp_secret = NULL, totp_last_step = 0, recovery_codes = '{}'", []);
});

/** The key shown on a page. */
function keyIn(page: Answer): Secret {
  return Secret.fromBase32(/Key: <code>([A-Z2-7 ]+)<\/code>/.exec(page.text)?.[1]?.replaceAll(" ", "") ?? "");
}

const sealedIn = (page: Answer): string => /name="sealed" value="([\w-]+)"/.exec(page.text)?.[1] ?? "";
const recoveryCodesIn = (page: Answer): string[] =>
  [...page.text.matchAll(/<li><code>([A-Z2-7 ]+)<\/code>/g)].map(([, code]) => code ?? "");
const codeNow = (secret: Secret, steps = 0): string =>
  TOTP.generate({ secret, timestamp: Date.now() + steps * 30_000 });

/** Sets up a second factor on the account page. */
async function setUp(): Promise<{ secret: Secret; recoveryCodes: string[]; browser: Browser }> {
  const browser = new Browser(service.url);
  await signIn(browser, authorizationRequest().path);
  const page = await browser.get("/account/second-factor");
  const secret = keyIn(page);
  const done = await browser.post("/account/second-factor", {
    csrf: csrfOf(page),
    sealed: sealedIn(page),
    password: ANNA.password,
    code: codeNow(secret),
  });
  expect(done.status).toBe(200);
  await database.execute("UPDATE auth.people SET totp_last_step = 0", []);
  return { secret, recoveryCodes: recoveryCodesIn(done), browser };
}

/** Enters the correct password and reaches the page that asks for a code. */
async function passPassword(url = service.url) {
  const browser = new Browser(url);
  const { path, verifier } = authorizationRequest();
  const { uid, page } = await beginSignIn(browser, path);
  const { user_name, password } = ANNA;
  const posted = await browser.post(uid, { csrf: csrfOf(page), user_name, password });
  expect(posted).toMatchObject({ status: 303, location: uid });
  const next = await browser.get(uid);
  const send = (fields: Record<string, string>) => browser.post(uid, { csrf: csrfOf(next), ...fields });
  return { browser, path, verifier, uid, page: next, send };
}

async function claimsAfter(browser: Browser, answer: Answer, verifier: string) {
  expect(answer.status).toBe(303);
  const callback = new URL((await browser.get(answer.location)).location);
  const { tokens } = await exchange(browser.url, codeForm(callback, verifier));
  return decodeJwt(tokens?.id_token ?? "");
}

describe("a user with a second factor", () => {
  test("signs in with password and code, and the token reports both", async () => {
    const { secret, recoveryCodes } = await setUp();
    expect(new Set(recoveryCodes).size).toBe(10);
    const { browser, verifier, page, send } = await passPassword();
    expect(page.text).toContain('autocomplete="one-time-code"');
    const claims = await claimsAfter(browser, await send({ code: codeNow(secret) }), verifier);
    expect(claims.amr).toEqual(["pwd", "otp", "mfa"]);
  });

  test("cannot sign in with the password alone through any URL", async () => {
    await setUp();
    const { browser, path, uid } = await passPassword();
    const resume = uid.replace("/sign-in/", "/oauth/authorize/");
    expect((await browser.get(resume)).location).toMatch(/^\/sign-in\//);
    expect((await browser.get(path)).location).toMatch(/^\/sign-in\//);
  });

  test("can use each code only once across all instances", async () => {
    const { secret } = await setUp();
    const code = codeNow(secret);
    const [first, second] = [await passPassword(), await passPassword(strict.url)];
    expect((await first.send({ code })).status).toBe(303);
    const replay = await second.send({ code });
    expect(replay.status).toBe(422);
    expect(replay.text).toContain("was already used");
    // The code of the previous 30-second step is rejected as well.
    expect((await second.send({ code: codeNow(secret, -1) })).status).toBe(422);
    expect((await second.send({ code: codeNow(secret, 1) })).status).toBe(303);
  });

  test("can use each recovery code once", async () => {
    const { recoveryCodes } = await setUp();
    const [code = "", other = ""] = recoveryCodes;
    expect((await (await passPassword()).send({ code: code.toLowerCase() })).status).toBe(303);
    expect((await (await passPassword()).send({ code })).status).toBe(422);
    expect((await (await passPassword()).send({ code: other })).status).toBe(303);
  });

  test("is blocked after ten wrong codes in any browser", async () => {
    const { secret } = await setUp();
    const tries = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const { send } = await passPassword();
        return Promise.all(["000000", "", "1", "12345678"].map((code) => send({ code })));
      }),
    );
    expect(
      tries
        .flat()
        .map(({ status }) => status)
        .sort(),
    ).toEqual([...Array(10).fill(422), 429, 429]);
    expect((await (await passPassword()).send({ code: codeNow(secret) })).status).toBe(429);
  });

  test("needs both password and code to remove it", async () => {
    await database.execute("TRUNCATE auth.audit_outbox");
    const { secret, browser } = await setUp();
    const page = await browser.get("/account/second-factor");
    const send = (fields: Record<string, string>) =>
      browser.post("/account/second-factor", { csrf: csrfOf(page), ...fields });
    expect((await send({ password: ANNA.password, code: "000000" })).status).toBe(422);
    expect((await send({ password: "wrong", code: codeNow(secret) })).status).toBe(422);
    const foreign = { csrf: "x".repeat(43), password: ANNA.password, code: codeNow(secret) };
    expect((await send(foreign)).status).toBe(403);
    expect((await send({ password: ANNA.password, code: codeNow(secret) })).status).toBe(200);
    await expect(signIn(new Browser(service.url), authorizationRequest().path)).resolves.toBeInstanceOf(URL);
    const noted = z.object({ action: z.string(), actor_kind: z.string() });
    await expect(
      database.query(noted, "SELECT action, actor_kind FROM auth.audit_outbox ORDER BY id"),
    ).resolves.toEqual([
      { action: "person-second-factor-add", actor_kind: "person" },
      { action: "person-second-factor-remove", actor_kind: "person" },
    ]);
  });
});

describe("if a second factor is required,", () => {
  test("a user sets it up while signing in, gets recovery codes and continues", async () => {
    const { browser, verifier, page, send } = await passPassword(strict.url);
    const secret = keyIn(page);
    expect(page.text).toContain("<svg");
    const wrong = await send({ sealed: sealedIn(page), code: "000000" });
    expect(wrong.status).toBe(422);
    // The page shows the same key again, because the app may already have it.
    expect(keyIn(wrong)).toEqual(secret);
    const codes = await send({ sealed: sealedIn(wrong), code: codeNow(secret) });
    expect(recoveryCodesIn(codes)).toHaveLength(10);
    const claims = await claimsAfter(browser, await send({}), verifier);
    expect(claims.amr).toEqual(["pwd", "otp", "mfa"]);
  });

  test("an administrator's reset ends a sign-in that waits for the code", async () => {
    await setUp();
    const { browser, uid, send } = await passPassword(strict.url);
    await strict.get(PeopleAdmin).reset(ADMIN, ANNA.user_name, ANNA.password);
    for (const answer of [await browser.get(uid), await send({ code: "000000" })]) {
      expect([answer.status, answer.text]).toEqual([400, expect.stringContaining("This sign-in has expired")]);
    }
  });

  test("rejects a key that was created for another user", async () => {
    const { page, send } = await passPassword(strict.url);
    const secret = keyIn(page);
    const sealed = Buffer.from(sealedIn(page), "base64url");
    sealed.writeUInt8(sealed.readUInt8(40) ^ 1, 40);
    expect((await send({ sealed: sealed.toString("base64url"), code: codeNow(secret) })).status).toBe(422);
  });
});

test("the account page requires signing in", async () => {
  const answer = await new Browser(service.url).get("/account/second-factor");
  expect(answer.status).toBe(401);
  expect(answer.text).toContain("You are not signed in");
});

test("regression #24: a user whose name has no attempts left can sign in with password and code", async () => {
  const { secret, recoveryCodes } = await setUp();
  const attempt = async (fields: Record<string, string>) => {
    const browser = new Browser(service.url);
    const { path, verifier } = authorizationRequest();
    const { uid, page } = await beginSignIn(browser, path);
    const answer = await browser.post(uid, { csrf: csrfOf(page), user_name: ANNA.user_name, ...fields });
    return { browser, verifier, answer };
  };
  await attempt({ password: "wrong" });
  await database.execute(
    "UPDATE auth.sign_in_failures SET failures = 50 WHERE ends_at > now() + interval '20 minutes'",
    [],
  );
  const limited = await attempt({ password: ANNA.password });
  expect(limited.answer.status).toBe(429);
  expect(limited.answer.text).toContain('name="code"');
  for (const fields of [
    { password: "wrong", code: codeNow(secret) },
    { password: ANNA.password, code: "000000" },
  ]) {
    const { answer } = await attempt(fields);
    expect(answer.status).toBe(422);
    expect(answer.text).toContain("The user name or the password is wrong.");
  }
  // A code sent with a wrong password was not used up.
  const { browser, answer, verifier } = await attempt({ password: ANNA.password, code: codeNow(secret) });
  expect(await claimsAfter(browser, answer, verifier)).toMatchObject({ amr: ["pwd", "otp", "mfa"] });
  expect((await attempt({ password: ANNA.password, code: recoveryCodes[0] ?? "" })).answer.status).toBe(303);
});
