import { tokenVerifier } from "@tripline/tokens/verify-token";
import { decodeJwt } from "jose";
import { PeopleAdmin } from "../admin/people-admin.js";
import { isRevoked, revoke } from "../revocations/revocation-store.js";
import {
  ANNA,
  authorizationRequest,
  Browser,
  beginSignIn,
  CALLBACK,
  CONSOLE,
  CONSOLE_URL,
  codeForm,
  csrfOf,
  exchange,
  signIn,
} from "../testing/browser.js";
import { AUDIENCE, ISSUER, SHOP_BASIC } from "../testing/service.js";
import type { SignInBed } from "../testing/sign-in-bed.js";
import { startSignInBed } from "../testing/sign-in-bed.js";

let bed: SignInBed;
let service: SignInBed["service"];
let database: SignInBed["database"];

beforeAll(async () => {
  bed = await startSignInBed();
  ({ service, database } = bed);
});

afterAll(() => bed.close());

// Resets the guessed user names for the next test.
afterEach(() => database.execute("TRUNCATE auth.sign_in_failures"));

const browser = () => new Browser(service.url);

async function tokensOf(changes: Record<string, string | undefined> = {}, by = browser()) {
  const { path, verifier } = authorizationRequest(changes);
  const callback = await signIn(by, path);
  const { tokens } = await exchange(service.url, codeForm(callback, verifier));
  if (tokens === undefined) throw new Error("no tokens");
  return { tokens, by, callback, verifier };
}

const refresh = (token = "") => exchange(service.url, { grant_type: "refresh_token", refresh_token: token });

describe("a user", () => {
  test("signs in without a consent page and gets tokens with the scopes of their roles", async () => {
    const { tokens, callback } = await tokensOf();
    expect(`${callback.origin}${callback.pathname}`).toBe(CALLBACK);
    expect(Object.fromEntries(callback.searchParams)).toEqual({
      code: expect.any(String),
      state: "state-of-the-console",
      iss: ISSUER,
    });
    expect(decodeJwt(tokens.access_token)).toMatchObject({
      iss: ISSUER,
      aud: AUDIENCE,
      sub: expect.stringMatching(/^[\w-]{36}$/),
      client_id: CONSOLE.client_id,
      tenant: "acme",
      name: "Anna Analyst",
      roles: ["analyst"],
      // The token has neither policy:write, which leads have, nor people:read, which admins have.
      scope: "decisions:read cases:write",
    });
    expect(tokens.scope).toBe("openid profile decisions:read cases:write");
    expect(tokens.expires_in).toBe(300);
    expect(decodeJwt(tokens.id_token ?? "")).toMatchObject({
      aud: CONSOLE.client_id,
      sub: decodeJwt(tokens.access_token).sub,
      nonce: "nonce-of-the-console",
      name: "Anna Analyst",
      tenant: "acme",
      roles: ["analyst"],
      amr: ["pwd"],
      auth_time: expect.any(Number),
    });
    const verifier = tokenVerifier({ issuer: ISSUER, jwksUrl: `${service.url}/oauth/jwks`, audience: AUDIENCE });
    await expect(verifier.verify(`Bearer ${tokens.access_token}`, "cases:write")).resolves.toMatchObject({
      tenant: "acme",
    });
    // The API does not accept an ID token.
    await expect(verifier.verify(`Bearer ${tokens.id_token}`, "cases:write")).rejects.toMatchObject({
      code: "token-invalid",
    });
  });

  test("signs in again only in another browser or if the client requires it", async () => {
    const { by } = await tokensOf();
    const again = authorizationRequest();
    const callback = new URL((await by.get(again.path)).location);
    await expect(exchange(service.url, codeForm(callback, again.verifier))).resolves.toMatchObject({ status: 200 });
    for (const [one, changes] of [
      [by, { prompt: "login" }],
      [browser(), {}],
    ] as const) {
      expect((await one.get(authorizationRequest(changes).path)).location).toMatch(/^\/sign-in\//);
    }
    const silent = await browser().get(authorizationRequest({ prompt: "none" }).path);
    expect(new URL(silent.location).searchParams.get("error")).toBe("login_required");
  });

  test("can type the name in upper or lower case, and the password in another Unicode form", async () => {
    const callback = await signIn(browser(), authorizationRequest().path, { ...ANNA, user_name: " Anna " });
    expect(callback.searchParams.get("code")).not.toBeNull();
  });

  test("regression #30: gets tokens that a revocation within the same second does not cover", async () => {
    const id = decodeJwt((await tokensOf()).tokens.access_token).sub ?? "";
    await database.transaction((transaction) => revoke(transaction, { kind: "person", id, tenant: "acme" }, false));
    const end = "date_trunc('second', clock_timestamp()) + interval '999 milliseconds'";
    await database.execute(`UPDATE auth.revocations SET not_before = ${end} WHERE subject = $1`, [id]);
    const { iat = 0 } = decodeJwt((await tokensOf()).tokens.access_token);
    expect(await isRevoked(database, [`person/${id}`], iat * 1_000)).toBe(false);
  });

  test("gets current roles in the next token, and no token once disabled", async () => {
    const { tokens, by } = await tokensOf();
    try {
      await database.execute("UPDATE auth.people SET roles = '{lead,admin}' WHERE user_name = 'anna'", []);
      const lead = await refresh(tokens.refresh_token);
      expect(decodeJwt(lead.tokens?.access_token ?? "")).toMatchObject({
        roles: ["lead", "admin"],
        scope: "decisions:read cases:write policy:write people:read",
      });
      await database.execute("UPDATE auth.people SET disabled_at = now() WHERE user_name = 'anna'", []);
      await expect(refresh(lead.tokens?.refresh_token)).resolves.toEqual({ status: 400, error: "invalid_grant" });
      expect((await by.get(authorizationRequest().path)).location).toMatch(/^\/sign-in\//);
      await expect(signIn(browser(), authorizationRequest().path)).rejects.toThrow("is wrong");
    } finally {
      await database.execute("UPDATE auth.people SET roles = '{analyst}', disabled_at = NULL", []);
    }
  });

  test("cannot complete a sign-in after an administrator signs them out", async () => {
    const by = browser();
    const { uid, page } = await beginSignIn(by, authorizationRequest().path);
    const form = { csrf: csrfOf(page), user_name: ANNA.user_name, password: ANNA.password };
    const { location: resume } = await by.post(uid, form);
    expect(resume).toMatch(/^\/oauth\/authorize\//);
    await service.get(PeopleAdmin).signOut({ tenant: ANNA.tenant, subject: "root", kind: "person" }, ANNA.user_name);
    await expect(by.get(resume)).resolves.toMatchObject({ status: 400, location: "" });
  });

  test("signs out: the session and refresh tokens end, and the browser returns to the console", async () => {
    const { tokens, by } = await tokensOf();
    const query = new URLSearchParams({
      id_token_hint: tokens.id_token ?? "",
      post_logout_redirect_uri: `${CONSOLE_URL}/`,
      state: "bye",
    });
    const page = await by.get(`/oauth/logout?${query}`);
    const xsrf = /name="xsrf" value="(\w+)"/.exec(page.text)?.[1] ?? "";
    expect(page.headers.get("content-security-policy")).toContain(`form-action 'self' ${CONSOLE_URL};`);
    const done = await by.post("/oauth/logout/confirm", { xsrf, logout: "yes" });
    expect(done).toMatchObject({ status: 303, location: `${CONSOLE_URL}/?state=bye` });
    await expect(refresh(tokens.refresh_token)).resolves.toMatchObject({ status: 400, error: "invalid_grant" });
    expect((await by.get(authorizationRequest().path)).location).toMatch(/^\/sign-in\//);
    // Nobody is signed in, so there is nothing to confirm.
    await expect(by.get(`/oauth/logout?${query}`)).resolves.toMatchObject({
      status: 303,
      location: `${CONSOLE_URL}/?state=bye`,
    });
  });
});

describe("the authorization endpoint rejects a request", () => {
  test.each([
    ["without PKCE", { code_challenge: undefined, code_challenge_method: undefined }, "invalid_request"],
    ["with plain PKCE", { code_challenge_method: "plain" }, "invalid_request"],
    ["with PKCE that names no method", { code_challenge_method: undefined }, "invalid_request"],
    ["for a token in the URL", { response_type: "token" }, "invalid_request"],
    ["for an ID token in the URL", { response_type: "id_token" }, "invalid_request"],
    ["for another resource", { resource: "urn:other:api" }, "invalid_target"],
    ["for an unknown scope", { scope: "openid payments:refund" }, "invalid_scope"],
    ["for a scope of machine clients", { scope: "openid transactions:write" }, "invalid_scope"],
  ])("%s", async (_case, changes, error) => {
    const { location } = await browser().get(authorizationRequest(changes).path);
    const at = new URL(location);
    expect(`${at.origin}${at.pathname}`).toBe(CALLBACK);
    const answer = new URLSearchParams(at.search === "" ? at.hash.slice(1) : at.search);
    expect(answer.get("error")).toBe(error);
    expect(answer.get("code")).toBeNull();
    expect(answer.get("access_token")).toBeNull();
  });

  test("with response_mode form_post, and blocks the script of the response", async () => {
    const answer = await browser().get(authorizationRequest({ response_mode: "form_post" }).path);
    expect(answer.text).toContain('name="error" value="invalid_request"');
    expect(answer.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src/);
  });

  test.each([
    ["another host", { redirect_uri: "https://evil.example/session/callback" }],
    ["a subpath", { redirect_uri: `${CALLBACK}/more` }],
    ["a sibling path", { redirect_uri: `${CONSOLE_URL}/session/other` }],
    ["a query", { redirect_uri: `${CALLBACK}?to=https://evil.example` }],
    ["a fragment", { redirect_uri: `${CALLBACK}#here` }],
    ["a user name", { redirect_uri: "http://127.0.0.1:7416@evil.example/session/callback" }],
    ["another scheme", { redirect_uri: "javascript:alert(1)" }],
    ["another case", { redirect_uri: CALLBACK.toUpperCase() }],
    ["a path with ..", { redirect_uri: `${CONSOLE_URL}/session/x/../callback` }],
    ["an unknown client without a redirect URI", { redirect_uri: undefined, client_id: "nobody" }],
    ["a machine client", { client_id: "shop" }],
  ])("with an error page and no redirect: %s", async (_case, changes) => {
    const answer = await browser().get(authorizationRequest(changes).path);
    expect(answer.status).toBe(400);
    expect(answer.location).toBe("");
    expect(answer.headers.get("content-type")).toMatch(/^text\/html/);
    expect(answer.headers.get("x-frame-options")).toBe("DENY");
    expect(answer.text).not.toContain("evil.example");
  });

  test("with markup, which the page escapes", async () => {
    const answer = await browser().get(authorizationRequest({ client_id: "<script>alert(1)</script>" }).path);
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain("<script");
  });
});

describe("an authorization code", () => {
  test("works once: a second use revokes its tokens", async () => {
    const { tokens, callback, verifier } = await tokensOf();
    const replay = await exchange(service.url, codeForm(callback, verifier));
    expect(replay).toEqual({ status: 400, error: "invalid_grant" });
    await expect(refresh(tokens.refresh_token)).resolves.toEqual({ status: 400, error: "invalid_grant" });
  });

  test("succeeds once if it is used several times concurrently", async () => {
    const { path, verifier } = authorizationRequest();
    const callback = await signIn(browser(), path);
    const replies = await Promise.all([1, 2, 3, 4].map(() => exchange(service.url, codeForm(callback, verifier))));
    expect(replies.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    expect(replies.filter(({ error }) => error === "invalid_grant").length).toBeGreaterThanOrEqual(3);
  });

  test.each([
    ["with another verifier", { code_verifier: "x".repeat(43) }, undefined, "invalid_grant"],
    ["without a verifier", { code_verifier: "" }, undefined, "invalid_grant"],
    ["with another redirect URI", { redirect_uri: `${CONSOLE_URL}/` }, undefined, "invalid_grant"],
    ["by another client", {}, SHOP_BASIC, "invalid_request"],
  ])("is rejected %s", async (_case, changes, by, error) => {
    const { path, verifier } = authorizationRequest();
    const callback = await signIn(browser(), path);
    const reply = await exchange(service.url, { ...codeForm(callback, verifier), ...changes }, by);
    expect(reply).toMatchObject({ status: 400, error });
  });

  test("is required: the console gets no token with client credentials", async () => {
    const reply = await exchange(service.url, { grant_type: "client_credentials" });
    expect(reply).toMatchObject({ status: 400, error: "invalid_request" });
  });
});

describe("a refresh token", () => {
  test("is replaced on use, and reuse revokes its successors", async () => {
    const { tokens } = await tokensOf();
    const second = await refresh(tokens.refresh_token);
    expect(second.tokens?.refresh_token).not.toBe(tokens.refresh_token);
    await expect(refresh(tokens.refresh_token)).resolves.toEqual({ status: 400, error: "invalid_grant" });
    await expect(refresh(second.tokens?.refresh_token)).resolves.toEqual({ status: 400, error: "invalid_grant" });
  });

  test("is stored, like codes and sessions, in a form that a database reader cannot use", async () => {
    const { tokens, by, callback } = await tokensOf();
    const { z } = await import("zod");
    const rows = await database.query(z.object({ row: z.string() }), "SELECT t::text AS row FROM auth.sign_ins t");
    const stored = rows.map(({ row }) => row).join("\n");
    const secrets = [tokens.refresh_token, callback.searchParams.get("code"), by.cookie("tripline_auth")];
    for (const secret of secrets) {
      expect(secret).toMatch(/^[\w-]{20,}$/);
      expect(stored).not.toContain(secret);
      expect(stored).not.toContain(Buffer.from(String(secret)).toString("hex"));
    }
  });
});

describe("the sign-in page", () => {
  test("has no script, cannot be framed, and labels its fields", async () => {
    const { page } = await beginSignIn(browser(), authorizationRequest({ login_hint: 'anna"><script>' }).path);
    expect(page.status).toBe(200);
    const headers = Object.fromEntries(page.headers);
    expect(headers).toMatchObject({
      "x-frame-options": "DENY",
      "x-content-type-options": "nosniff",
      "referrer-policy": "same-origin",
      "cache-control": "no-store",
    });
    expect(headers["content-security-policy"]).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self' http:\/\/127\.0\.0\.1:7416; frame-ancestors 'none'; base-uri 'none'$/,
    );
    expect(page.text).not.toMatch(/<script|javascript:|onload/i);
    expect(page.text).toContain('autocomplete="username"');
    expect(page.text).toContain('autocomplete="current-password"');
    expect(page.text).toMatch(/<label for="user_name">[^<]+<\/label>/);
    expect(page.text).toContain('value="anna&quot;&gt;&lt;script&gt;"');
  });

  test("works only in the browser that started the sign-in", async () => {
    const { uid, page } = await beginSignIn(browser(), authorizationRequest().path);
    const form = { csrf: csrfOf(page), user_name: ANNA.user_name, password: ANNA.password };
    for (const answer of [await browser().get(uid), await browser().post(uid, form)]) {
      expect(answer.status).toBe(400);
      expect(answer.text).toContain("was started in another browser");
    }
  });

  test.each([
    ["without the form's token", { csrf: "" }, {}],
    ["with the token of another sign-in", { csrf: "A".repeat(43) }, {}],
    ["from another site", {}, { origin: "https://evil.example" }],
    ["from a frame without an origin", {}, { origin: "null" }],
  ])("rejects a form %s", async (_case, changes, headers) => {
    const one = browser();
    const { uid, page } = await beginSignIn(one, authorizationRequest().path);
    const form = { csrf: csrfOf(page), user_name: ANNA.user_name, password: ANNA.password, ...changes };
    const answer = await one.post(uid, form, headers);
    expect(answer).toMatchObject({ status: 403, location: "" });
  });

  test("changes the session ID at sign-in, and rejects IDs that it has not issued", async () => {
    const one = browser();
    one.setCookie("tripline_auth", "made-up-session-id-of-an-attacker");
    one.setCookie("tripline_auth.sig", "made-up-signature");
    await signIn(one, authorizationRequest().path);
    expect(one.cookie("tripline_auth")).not.toBe("made-up-session-id-of-an-attacker");
    const before = one.cookie("tripline_auth");
    await signIn(one, authorizationRequest({ prompt: "login" }).path);
    expect(one.cookie("tripline_auth")).not.toBe(before);
  });
});
