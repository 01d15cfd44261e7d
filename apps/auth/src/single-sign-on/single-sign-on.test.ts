import { decodeJwt } from "jose";
import { z } from "zod";
import { personWithId } from "../people/person-store.js";
import { ANNA, authorizationRequest, Browser, beginSignIn, csrfOf } from "../testing/browser.js";
import type { CompanyProvider } from "../testing/company-provider.js";
import { COMPANY_CLIENT } from "../testing/company-provider.js";
import { AUDIENCE } from "../testing/service.js";
import { comeBack, continuesTo, leave, passCompany, singleSignOn } from "../testing/single-sign-on.js";
import type { SingleSignOnBed } from "../testing/single-sign-on-bed.js";
import { ADA, startSingleSignOnBed } from "../testing/single-sign-on-bed.js";
import { findOrAddUser } from "./provider-people.js";
import { providerOf, storeProvider } from "./provider-store.js";

const YEAR_S = 31_536_000;
const ATTEMPTS_MAX = 60;

let bed: SingleSignOnBed;
let company: CompanyProvider;

beforeAll(async () => {
  bed = await startSingleSignOnBed();
  company = bed.company;
});

afterAll(() => bed.close());

beforeEach(() => bed.reset());

const peopleOf = (tenant: string) =>
  bed.database.query(
    z.object({ user_name: z.string(), roles: z.array(z.string()), provider_subject: z.string().nullable() }),
    "SELECT user_name, roles, provider_subject FROM auth.people WHERE tenant = $1 ORDER BY user_name",
    [tenant],
  );

describe("a user of the company", () => {
  test("signs in, is added with the roles of their groups, and gets a token with these roles", async () => {
    const { tokens } = await singleSignOn(bed.service.url, company);
    const claims = decodeJwt(tokens?.access_token ?? "");
    expect(claims).toMatchObject({ tenant: "acme", roles: ["analyst"], name: "Carla", aud: AUDIENCE });
    expect(await peopleOf("acme")).toContainEqual({
      user_name: "acme:carla@acme.example",
      roles: ["analyst"],
      provider_subject: "c-1",
    });
    const audited = await bed.database.query(
      z.object({ action: z.string(), actor: z.string(), details: z.string() }),
      "SELECT action, actor, details FROM auth.audited WHERE actor = 'single-sign-on' ORDER BY id DESC LIMIT 2",
      [],
    );
    expect(audited.map(({ action }) => action)).toEqual(["person-roles", "person-add"]);
    expect(JSON.stringify(audited)).not.toContain("carla");
  });

  test.each([
    ["no mapped group is a viewer", { groups: ["admin", "admins", "staff"] }, ["viewer"]],
    ["two groups has both roles", { groups: ["fraud", "fraud-leads"] }, ["analyst", "lead"]],
    ["one group as a string has its role", { groups: "fraud-leads" }, ["lead"]],
  ])("with %s", async (_what, claims, roles) => {
    company.accounts.set("c-1", { preferred_username: "carla@acme.example", ...claims });
    const { tokens } = await singleSignOn(bed.service.url, company);
    expect(decodeJwt(tokens?.access_token ?? "").roles).toEqual(roles);
  });

  test("loses a role at the next sign-in after leaving a group, and keeps the account after a change of name", async () => {
    await singleSignOn(bed.service.url, company);
    company.accounts.set("c-1", { preferred_username: "carla.new@acme.example", groups: [] });
    const { tokens } = await singleSignOn(bed.service.url, company);
    expect(decodeJwt(tokens?.access_token ?? "").roles).toEqual(["viewer"]);
    expect((await peopleOf("acme")).filter((person) => person.provider_subject === "c-1")).toHaveLength(1);
  });

  test("never takes over a user with the same name, and neither user blocks the other", async () => {
    company.accounts.set("c-1", { preferred_username: "anna", email: "anna", groups: ["fraud-leads"] });
    expect((await singleSignOn(bed.service.url, company)).tokens).toBeDefined();
    company.accounts.set("c-2", { preferred_username: "anna", groups: ["fraud-leads"] });
    company.user = "c-2";
    expect((await singleSignOn(bed.service.url, company)).tokens).toBeDefined();
    expect(await peopleOf("acme")).toEqual(
      expect.arrayContaining([
        { user_name: "anna", roles: ["analyst"], provider_subject: null },
        { user_name: "acme:anna", roles: ["lead"], provider_subject: "c-1" },
        { user_name: "acme:anna:2", roles: ["lead"], provider_subject: "c-2" },
      ]),
    );
  });

  test("regression #30: has a name that no user of a tenant with capital letters can have", async () => {
    const provider = await providerOf(bed.database, "acme");
    if (provider === undefined) throw new Error("acme has no provider");
    const user = { subject: "c-9", userName: "carla@acme.example", name: "Carla", groups: [] };
    const names: string[] = [];
    for (const tenant of ["ACME", "acme"]) {
      await storeProvider(bed.database, { ...provider, tenant });
      const stored = await providerOf(bed.database, tenant);
      const id = await bed.database.transaction((transaction) => findOrAddUser(transaction, stored ?? provider, user));
      names.push((await personWithId(bed.database, id))?.user_name ?? "");
    }
    expect(names).toEqual(["ACME:carla@acme.example", "acme:carla@acme.example"]);
  });

  test("regression #30: has no password, until a reset unlinks the account from the provider", async () => {
    await singleSignOn(bed.service.url, company);
    await bed.database.execute(
      `UPDATE auth.people SET password_hash = (SELECT password_hash FROM auth.people WHERE user_name = 'anna')
       WHERE provider_subject = 'c-1'`,
      [],
    );
    const { path } = authorizationRequest();
    const browser = new Browser(bed.service.url);
    const { uid, page } = await beginSignIn(browser, path);
    const typed = { csrf: csrfOf(page), user_name: "acme:carla@acme.example", password: ANNA.password };
    expect((await browser.post(uid, typed)).status).toBe(422);
    const reset = await bed.send("POST", "/v1/people/acme:carla@acme.example/reset");
    expect((await browser.post(uid, { ...typed, password: String(reset.body.password) })).status).toBe(303);
    await bed.database.execute("DELETE FROM auth.people WHERE user_name = 'acme:carla@acme.example'", []);
  });

  test("is rejected while disabled", async () => {
    await singleSignOn(bed.service.url, company);
    expect(await bed.send("POST", "/v1/people/acme:carla@acme.example/disable")).toMatchObject({ status: 200 });
    const { answer } = await singleSignOn(bed.service.url, company);
    expect(answer.text).toContain("Your account is disabled.");
  });

  test("regression #30: is rejected with the reason if the token has no groups, and keeps the roles", async () => {
    await singleSignOn(bed.service.url, company);
    company.accounts.set("c-1", { preferred_username: "carla@acme.example" });
    const { answer } = await singleSignOn(bed.service.url, company);
    expect([answer.status, answer.text]).toEqual([
      ...[ERROR_OF_SIGN_IN, expect.stringContaining("did not send a valid groups claim.")],
    ]);
    expect(await peopleOf("acme")).toContainEqual(
      expect.objectContaining({ provider_subject: "c-1", roles: ["analyst"] }),
    );
  });
});

const ERROR_OF_SIGN_IN = 401;

test("regression #30: too many attempts of one tenant do not affect other tenants", async () => {
  const browser = new Browser(bed.service.url);
  const { uid, page } = await beginSignIn(browser, authorizationRequest().path);
  const post = (organisation: string) => browser.post(`${uid}/single-sign-on`, { csrf: csrfOf(page), organisation });
  // Zebra's provider is unreachable, so each attempt fails immediately.
  await bed.database.execute(
    `INSERT INTO auth.identity_providers SELECT 'zebra', 'http://10.0.0.1', client_id, client_secret, scope, domains,
       subject_claim, user_name_claim, roles_claim, role_mapping, required_claims, false, NULL FROM auth.identity_providers`,
    [],
  );
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) await post("zebra");
    expect((await post("zebra")).status).toBe(429);
    expect((await post("acme")).status).toBe(200);
  } finally {
    await bed.database.execute("DELETE FROM auth.identity_providers WHERE tenant = 'zebra'", []);
  }
});

describe("the callback", () => {
  test.each<[string, (claims: Record<string, unknown>) => Record<string, unknown>, string]>([
    ["an expired ID token", (claims) => ({ ...claims, exp: 1_000_000_000 }), "The clocks of Tripline and"],
    [
      "a clock a year ahead",
      (claims) => ({ ...claims, nbf: Number(claims.iat) + YEAR_S }),
      "The clocks of Tripline and",
    ],
    ["another audience", (claims) => ({ ...claims, aud: "someone-else" }), "sent an invalid response"],
    ["another issuer", (claims) => ({ ...claims, iss: "https://evil.example" }), "sent an invalid response"],
    ["another nonce", (claims) => ({ ...claims, nonce: "replayed" }), "sent an invalid response"],
    ["no user name", ({ preferred_username: _, ...claims }) => claims, "did not send a valid preferred_username claim"],
  ])("rejects %s", async (_what, change, sentence) => {
    company.change = change;
    const { answer } = await singleSignOn(bed.service.url, company);
    expect(answer.status).toBe(ERROR_OF_SIGN_IN);
    expect(answer.text).toContain(sentence);
    expect((await peopleOf("acme")).map((person) => person.provider_subject)).not.toContain("c-1");
  });

  test("reports that the provider is unavailable, and succeeds once it is available again", async () => {
    await company.close();
    try {
      const { answer } = await singleSignOn(bed.service.url, company);
      expect(answer.status).toBe(502);
      expect(answer.text).toContain("Your identity provider is unavailable. Try again later.");
    } finally {
      await company.reopen();
    }
    expect((await singleSignOn(bed.service.url, company)).tokens).toBeDefined();
  });

  describe.each<Record<string, string>>([{ prompt: "login" }, { max_age: "60" }])(
    "regression #30: a client that requires %j",
    (required) => {
      const [[name, value] = ["", ""]] = Object.entries(required);

      test("makes the provider authenticate the user again", async () => {
        const { browser } = await singleSignOn(bed.service.url, company);
        const { left } = await leave(browser, "acme", { prompt: "login", ...required });
        expect(new URL(continuesTo(left)).searchParams.get(name)).toBe(value);
        expect((await comeBack(browser, await passCompany(company, left))).status).toBe(303);
      });

      test.each([{ auth_time: undefined }, { auth_time: Math.floor(Date.now() / 1_000) - 600 }])(
        "rejects a sign-in without new authentication: %j",
        async (claims) => {
          company.change = (all) => ({ ...all, ...claims });
          const browser = new Browser(bed.service.url);
          const { left } = await leave(browser, "acme", required);
          const answer = await comeBack(browser, await passCompany(company, left));
          expect([answer.status, answer.text]).toEqual([
            ...[ERROR_OF_SIGN_IN, expect.stringContaining("did not ask you")],
          ]);
        },
      );
    },
  );

  test("accepts new keys of the provider, even if it rotates them during a sign-in", async () => {
    await singleSignOn(bed.service.url, company);
    const browser = new Browser(bed.service.url);
    const { left } = await leave(browser, "acme");
    const callback = await passCompany(company, left);
    await company.rotateKeys();
    expect((await comeBack(browser, callback)).status).toBe(303);
  });

  test("rejects a replayed or forged state, and one from another browser", async () => {
    const browser = new Browser(bed.service.url);
    const { left } = await leave(browser, "acme");
    const callback = await passCompany(company, left);
    const forged = callback.replace(/state=([^.]+)\.[^&]+/, "state=$1.forged");
    expect((await comeBack(new Browser(bed.service.url), callback)).text).toContain("started in another browser");
    expect((await comeBack(browser, forged)).text).toContain("has expired");
    expect((await comeBack(browser, callback)).status).toBe(303);
    expect((await comeBack(browser, callback)).status).toBe(400);
  });

  test("regression #30: rejects a code from the provider of another tenant", async () => {
    const browser = new Browser(bed.service.url);
    const { left } = await leave(browser, "acme");
    const callback = await passCompany(company, left);
    const foreign = callback.replace("/acme/", "/zebra/");
    expect((await comeBack(browser, foreign)).text).toContain("started in another browser");
    expect((await comeBack(browser, callback)).status).toBe(303);
  });

  test("regression #30: rejects a sign-in if the client ID changed in the meantime", async () => {
    const browser = new Browser(bed.service.url);
    const { left } = await leave(browser, "acme");
    const callback = await passCompany(company, left);
    const change = (id: string) => bed.database.execute("UPDATE auth.identity_providers SET client_id = $1", [id]);
    await change("other");
    const answer = await comeBack(browser, callback);
    await change(COMPANY_CLIENT.client_id);
    expect(answer.text).toContain("The settings of your identity provider have changed.");
  });

  test.each([
    ["removed", () => bed.send("DELETE", "/v1/identity-provider")],
    ["given another role mapping", () => bed.setProvider({ role_mapping: [] })],
  ])(
    "regression #30: rejects a sign-in if the provider is %s while auth waits for its response",
    async (_what, change) => {
      const browser = new Browser(bed.service.url);
      const { left } = await leave(browser, "acme");
      const callback = await passCompany(company, left);
      const pause = Promise.withResolvers<void>();
      company.pause = pause.promise;
      const requested = company.nextTokenRequest();
      const coming = comeBack(browser, callback);
      await requested;
      expect((await change()).status).toBe(200);
      pause.resolve();
      expect((await coming).text).toContain("The settings of your identity provider have changed.");
      expect((await peopleOf("acme")).map((person) => person.provider_subject)).not.toContain("c-1");
    },
  );

  test("regression #30: rejects a sign-in if the provider changes immediately before the result is stored", async () => {
    await bed.database.execute(
      `CREATE FUNCTION auth.change_provider() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN UPDATE auth.identity_providers SET changed_at = clock_timestamp(); RETURN NULL; END $$;
       CREATE TRIGGER change_provider AFTER UPDATE ON auth.sign_ins FOR EACH ROW
         WHEN (NEW.model = 'Interaction' AND NEW.person_id IS NOT NULL) EXECUTE FUNCTION auth.change_provider()`,
    );
    try {
      const { answer } = await singleSignOn(bed.service.url, company);
      expect(answer.text).toContain("The settings of your identity provider have changed.");
      const stored = await bed.database.query(
        z.unknown(),
        "SELECT 1 FROM auth.sign_ins JOIN auth.people USING (person_id) WHERE provider_subject = 'c-1'",
        [],
      );
      expect(stored).toEqual([]);
    } finally {
      await bed.database.execute("DROP TRIGGER change_provider ON auth.sign_ins; DROP FUNCTION auth.change_provider");
    }
  });

  test("rejects an account of another organisation at the same provider", async () => {
    await bed.setProvider({ required_claims: [{ claim: "organisation", value: "acme.example" }] });
    company.accounts.set("c-1", { preferred_username: "carla@other.example", organisation: "other.example" });
    const { answer } = await singleSignOn(bed.service.url, company);
    expect(answer.text).toContain("Your account does not belong to acme.");
    company.accounts.set("c-1", { preferred_username: "carla@acme.example", groups: [], organisation: "acme.example" });
    expect((await singleSignOn(bed.service.url, company)).tokens).toBeDefined();
  });

  test("regression #30: reports that an administrator must correct a wrong client secret", async () => {
    await bed.setProvider({ client_secret: "expired" });
    const { answer } = await singleSignOn(bed.service.url, company);
    expect([answer.status, answer.text]).toEqual([
      ...[ERROR_OF_SIGN_IN, expect.stringContaining("An administrator must check the client ID and the secret.")],
    ]);
  });

  test("rejects a user whom the provider has removed", async () => {
    company.accounts.delete("c-1");
    const { answer } = await singleSignOn(bed.service.url, company);
    expect(answer.text).toContain("Your identity provider rejected the sign-in.");
  });

  test("rejects an ID token signed with another key", async () => {
    company.forge = true;
    const { answer } = await singleSignOn(bed.service.url, company);
    company.forge = false;
    expect(answer.text).toContain("sent an invalid response");
  });

  test.each(["nobody", "someone@nowhere.example", "", "a b"])(
    "rejects an organisation without a provider: %j",
    async (name) => {
      const { left } = await leave(new Browser(bed.service.url), name);
      expect([left.status, left.text]).toEqual([ERROR_OF_SIGN_IN, expect.stringContaining("is not set up for")]);
    },
  );
});

describe("the settings", () => {
  test("do not contain the secret, and belong to one tenant", async () => {
    const zoe = await bed.tokenOf({ ...ADA, user_name: "zoe" });
    expect(await bed.send("GET", "/v1/identity-provider", undefined, zoe)).toMatchObject({ status: 404 });
    const { body } = await bed.send("GET", "/v1/identity-provider");
    expect(body).not.toHaveProperty("break_glass_id");
    expect(body).toMatchObject({ tenant: "acme", issuer: company.url });
    expect(JSON.stringify(body)).not.toContain("secret");
    const stored = await bed.database.query(
      z.object({ text: z.string() }),
      "SELECT encode(client_secret, 'escape') AS text FROM auth.identity_providers",
      [],
    );
    expect(JSON.stringify(stored)).not.toContain(COMPANY_CLIENT.client_secret);
  });

  test("regression #30: are audited without the secret or the names of users", async () => {
    await bed.setProvider({ break_glass: "ada" });
    const [audited] = await bed.database.query(
      z.object({ details: z.string() }),
      "SELECT details FROM auth.audited WHERE action = 'provider-set' ORDER BY id DESC LIMIT 1",
      [],
    );
    const details = JSON.parse(audited?.details ?? "{}");
    const { client_id } = COMPANY_CLIENT;
    expect(details).toMatchObject({ client_id, scope: "openid profile email", domains: [], subject_claim: "sub" });
    expect(details.break_glass).toMatch(/^[0-9a-f-]{36}$/);
    expect(details).not.toHaveProperty("client_secret");
  });

  test.each([
    ["a private address", { issuer: "https://10.0.0.1" }, "provider-url-refused"],
    ["plain HTTP to a public address", { issuer: "http://8.8.8.8" }, "provider-url-refused"],
    ["metadata of a cloud", { issuer: "http://169.254.169.254" }, "provider-url-refused"],
    ["a URL without metadata", { issuer: "http://127.0.0.1:1025" }, "provider-unavailable"],
    ["a domain without its DNS record", { domains: ["acme.invalid"] }, "invalid-field"],
    ["Google without a domain", { issuer: "https://accounts.google.com" }, "invalid-field"],
    ["Google in capitals without a domain", { issuer: "https://ACCOUNTS.google.com." }, "invalid-field"],
    ["a role that does not exist", { role_mapping: [{ value: "x", role: "root" }] }, "invalid-field"],
  ])("reject %s", async (_what, changes, code) => {
    expect((await bed.setProvider(changes)).body).toMatchObject({ code });
  });
});
