import { z } from "zod";
import { hashPassword } from "../people/hash-password.js";
import { ANNA, authorizationRequest, Browser, codeForm, csrfOf, exchange, signIn } from "../testing/browser.js";
import type { SignInBed } from "../testing/sign-in-bed.js";
import { startSignInBed } from "../testing/sign-in-bed.js";

const PAGE = "/account/password";
const NEW = "another horse, another staple";

let bed: SignInBed;
let service: SignInBed["service"];
let database: SignInBed["database"];

beforeAll(async () => {
  bed = await startSignInBed();
  ({ service, database } = bed);
});

afterAll(() => bed.close());

beforeEach(async () => {
  await database.execute("TRUNCATE auth.sign_in_failures");
  await database.execute("UPDATE auth.people SET password_hash = $1", [await hashPassword(ANNA.password)]);
});

async function signedIn(password = ANNA.password) {
  const browser = new Browser(service.url);
  const { path, verifier } = authorizationRequest();
  const callback = await signIn(browser, path, { ...ANNA, password });
  const { tokens } = await exchange(service.url, codeForm(callback, verifier));
  return { browser, refresh: tokens?.refresh_token ?? "" };
}

const refreshed = ({ refresh }: { readonly refresh: string }) =>
  exchange(service.url, { grant_type: "refresh_token", refresh_token: refresh });

test("changing the password ends other sessions and all tokens, but not this session", async () => {
  const [own, other] = [await signedIn(), await signedIn()];
  const page = await own.browser.get(PAGE);
  const done = await own.browser.post(PAGE, { csrf: csrfOf(page), password: ANNA.password, new_password: NEW });
  expect([done.status, done.text]).toEqual([200, expect.stringContaining("signed out everywhere else")]);
  expect((await own.browser.get(PAGE)).status).toBe(200);
  expect((await other.browser.get(PAGE)).status).toBe(401);
  for (const session of [own, other]) {
    await expect(refreshed(session)).resolves.toMatchObject({ status: 400, error: "invalid_grant" });
  }
  await expect(signedIn()).rejects.toThrow("not signed in: 422");
  await expect(signedIn(NEW)).resolves.toMatchObject({ refresh: expect.stringMatching(/./) });
  const audited = z.object({ action: z.string() });
  const rows = await database.query(audited, "SELECT action FROM auth.audit_outbox WHERE action = 'person-password'");
  expect(rows).toHaveLength(1);
});

test.each([
  ["a wrong password", { password: "not the password at all", new_password: NEW }, 422],
  ["a short new password", { password: ANNA.password, new_password: "short" }, 422],
  ["an unchanged password", { password: ANNA.password, new_password: ANNA.password }, 422],
  ["a form of another browser", { csrf: "AAAA", password: ANNA.password, new_password: NEW }, 403],
])("a password change with %s has no effect", async (_what, form, status) => {
  const { browser } = await signedIn();
  const csrf = csrfOf(await browser.get(PAGE));
  expect((await browser.post(PAGE, { csrf, ...form })).status).toBe(status);
  await expect(signedIn()).resolves.toMatchObject({ refresh: expect.stringMatching(/./) });
});

test("changing a password requires a session, and wrong guesses count as failed sign-ins", async () => {
  expect((await new Browser(service.url).get(PAGE)).status).toBe(401);
  const { browser } = await signedIn();
  const csrf = csrfOf(await browser.get(PAGE));
  let status = 422;
  for (let tries = 0; tries < 12 && status === 422; tries += 1) {
    ({ status } = await browser.post(PAGE, { csrf, password: `wrong password ${tries}`, new_password: NEW }));
  }
  expect(status).toBe(429);
});
