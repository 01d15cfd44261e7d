import { z } from "zod";
import { ANNA, authorizationRequest, Browser, beginSignIn, csrfOf, signIn } from "../testing/browser.js";
import type { SignInBed } from "../testing/sign-in-bed.js";
import { startSignInBed } from "../testing/sign-in-bed.js";

let bed: SignInBed;
let service: SignInBed["service"];
let database: SignInBed["database"];

beforeAll(async () => {
  bed = await startSignInBed({ TRUSTED_PROXIES: "127.0.0.1" });
  ({ service, database } = bed);
});

afterAll(() => bed.close());

// Resets the guessed user names for the next test.
afterEach(() => database.execute("TRUNCATE auth.sign_in_failures"));

const browser = () => new Browser(service.url);

describe("guessing passwords", () => {
  const attempt = async (user_name: string, password: string, { from = "", by = browser(), code = "" } = {}) => {
    const one = by;
    const { uid, page } = await beginSignIn(one, authorizationRequest({ prompt: "login" }).path);
    const startedMs = performance.now();
    const headers: Record<string, string> = from === "" ? {} : { "x-forwarded-for": from };
    const answer = await one.post(uid, { csrf: csrfOf(page), user_name, password, code }, headers);
    return { ...answer, ms: performance.now() - startedMs, text: answer.text.replace(/value="[^"]*"/g, "") };
  };

  const countRows = async () => {
    const count = z.object({ rows: z.number() });
    const [row] = await database.query(count, "SELECT count(*)::int AS rows FROM auth.sign_in_failures", []);
    return row ?? { rows: 0 };
  };

  test("gives the same response for a wrong password and an unknown name", async () => {
    const [wrong, nobody] = [await attempt("anna", "wrong"), await attempt("nobody", "wrong")];
    expect(wrong.status).toBe(422);
    expect(nobody.status).toBe(422);
    expect(nobody.text).toBe(wrong.text);
    expect(wrong.text).toContain('role="alert"');
    expect(wrong.text).toContain("<title>Error: Sign in");
  });

  test("takes the same time for both", async () => {
    const times = { anna: [] as number[], nobody: [] as number[] };
    for (let round = 0; round < 4; round += 1) {
      for (const name of ["anna", "nobody"] as const) times[name].push((await attempt(name, "wrong")).ms);
    }
    // Without the dummy hash computation, it would take a tenth of the time.
    expect(Math.min(...times.nobody)).toBeGreaterThan(Math.min(...times.anna) / 3);
  });

  test.each(["anna", "nobody"])("is blocked after ten attempts at %s, even with the correct password", async (name) => {
    const guesses = await Promise.all(Array.from({ length: 12 }, () => attempt(name, "wrong")));
    expect(guesses.map(({ status }) => status).filter((status) => status === 422)).toHaveLength(10);
    const locked = await attempt(name, ANNA.password);
    expect(locked.status).toBe(429);
    expect(Number(locked.headers.get("retry-after"))).toBeGreaterThan(800);
    expect(locked.text).toContain("Try again in 15 minutes.");
    // Other user names are not delayed.
    expect((await attempt(`${name}-2`, "wrong")).status).toBe(422);
  });

  test("regression #24: 14 wrong passwords from another address do not lock the owner out", async () => {
    const guesses = await Promise.all(
      Array.from({ length: 14 }, () => attempt("anna", "wrong", { from: "198.51.100.1" })),
    );
    expect(guesses.map(({ status }) => status).filter((status) => status === 429)).toHaveLength(4);
    expect((await attempt("anna", ANNA.password, { from: "203.0.113.9" })).status).toBe(303);
    // Only the last address in the header counts, because a client can forge the others.
    const hidden = { from: "203.0.113.7, 198.51.100.1" };
    expect((await attempt("anna", ANNA.password, hidden)).status).toBe(429);
  });

  test("regression #24: attempts from many addresses limit a name, except on a device its owner has used", async () => {
    const own = browser();
    await signIn(own, authorizationRequest().path);
    await database.execute("TRUNCATE auth.sign_in_failures");
    // Each of these addresses alone would not be blocked.
    await attempt("anna", "wrong", { from: "198.51.100.1" });
    await attempt("nobody", "wrong", { from: "198.51.100.1" });
    await database.execute(
      "UPDATE auth.sign_in_failures SET failures = 50 WHERE ends_at > now() + interval '20 minutes'",
      [],
    );
    const limited = await attempt("anna", ANNA.password, { from: "198.51.100.2" });
    expect(limited.status).toBe(429);
    expect(limited.text).toContain("Try again in 60 minutes.");
    const nobody = await attempt("nobody", ANNA.password, { from: "198.51.100.2" });
    expect(nobody.text).toBe(limited.text);
    // The browser that signed in above is known, but only for its own user.
    expect((await attempt("anna", ANNA.password, { by: own, from: "198.51.100.3" })).status).toBe(303);
    expect((await attempt("nobody", "wrong", { by: own, from: "198.51.100.3" })).status).toBe(429);
    const { rows } = await countRows();
    expect(rows).toBeLessThanOrEqual(8);
    // Known or not, a device may send at most ten wrong passwords.
    for (let round = 0; round < 10; round += 1) await attempt("anna", "wrong", { by: own });
    expect((await attempt("anna", ANNA.password, { by: own })).status).toBe(429);
    await database.execute("UPDATE auth.sign_in_failures SET ends_at = now()", []);
    await attempt("anna", "wrong");
    expect((await countRows()).rows).toBe(2);
  });

  test("is allowed again after a correct password or when the window ends", async () => {
    for (let round = 0; round < 9; round += 1) await attempt("anna", "wrong");
    await signIn(browser(), authorizationRequest().path);
    expect((await attempt("anna", "wrong")).status).toBe(422);
    await database.execute("UPDATE auth.sign_in_failures SET failures = 50, ends_at = now() - interval '1 second'", []);
    expect((await attempt("anna", "wrong")).status).toBe(422);
  });
});
