import { decodeJwt } from "jose";
import { z } from "zod";
import { ANNA, authorizationRequest, Browser, beginSignIn, csrfOf, signIn } from "../testing/browser.js";
import type { CompanyProvider } from "../testing/company-provider.js";
import { COMPANY_CLIENT } from "../testing/company-provider.js";
import { ScimClient } from "../testing/scim-client.js";
import { singleSignOn } from "../testing/single-sign-on.js";
import type { SingleSignOnBed } from "../testing/single-sign-on-bed.js";
import { ADA, startSingleSignOnBed } from "../testing/single-sign-on-bed.js";

let bed: SingleSignOnBed;
let company: CompanyProvider;

beforeAll(async () => {
  bed = await startSingleSignOnBed();
  company = bed.company;
});

afterAll(() => bed.close());

beforeEach(() => bed.reset());

describe("enforced single sign-on", () => {
  test("leaves passwords only to the break-glass user, whose sign-in is audited", async () => {
    expect(await bed.setProvider({ is_enforced: true })).toMatchObject({ status: 422 });
    expect(await bed.setProvider({ is_enforced: true, break_glass: "anna" })).toMatchObject({ status: 422 });
    expect(await bed.setProvider({ is_enforced: true, break_glass: "ada" })).toMatchObject({ status: 200 });
    const { path } = authorizationRequest();
    const browser = new Browser(bed.service.url);
    const { uid, page } = await beginSignIn(browser, path);
    const typed = { csrf: csrfOf(page), user_name: ANNA.user_name, password: ANNA.password };
    const refused = await browser.post(uid, typed);
    expect([refused.status, refused.text]).toEqual([403, expect.stringContaining("requires single sign-on")]);
    await signIn(new Browser(bed.service.url), path, ADA);
    const audited = await bed.database.query(
      z.object({ tenant: z.string() }),
      "SELECT tenant FROM auth.audited WHERE action = 'person-break-glass'",
      [],
    );
    expect(audited).toEqual([{ tenant: "acme" }]);
    expect(await bed.send("POST", "/v1/people/ada/disable")).toMatchObject({
      status: 409,
      body: { code: "last-admin" },
    });
  });

  test("regression #30: can be disabled while the provider is unavailable", async () => {
    const { client_id } = COMPANY_CLIENT;
    expect(await bed.setProvider({ is_enforced: true, break_glass: "ada" })).toMatchObject({ status: 200 });
    await company.close();
    try {
      expect(await bed.setProvider({ client_secret: undefined, is_enforced: false })).toMatchObject({ status: 200 });
      expect(await bed.setProvider({ client_secret: undefined, client_id: `${client_id}-2` })).toMatchObject({
        status: 502,
      });
    } finally {
      await company.reopen();
    }
  });

  test("ends the sessions of users with a password", async () => {
    expect(await bed.setProvider({ is_enforced: false })).toMatchObject({ status: 200 });
    const { path } = authorizationRequest();
    const browser = new Browser(bed.service.url);
    await signIn(browser, path);
    expect((await browser.get(path)).location).toContain("code=");
    expect(await bed.setProvider({ is_enforced: true, break_glass: "ada" })).toMatchObject({ status: 200 });
    expect((await browser.get(path)).location).toContain("/sign-in/");
  });

  test("regression #30: ends the sessions of the provider's users if they are identified differently", async () => {
    await bed.setProvider({});
    const { browser } = await singleSignOn(bed.service.url, company);
    const { path } = authorizationRequest();
    expect((await browser.get(path)).location).toContain("code=");
    await bed.setProvider({ scope: "openid profile" });
    expect((await browser.get(path)).location).toContain("code=");
    await bed.setProvider({ required_claims: [{ claim: "organisation", value: "acme.example" }] });
    expect((await browser.get(path)).location).toContain("/sign-in/");
  });
});

describe("an administrator with a password", () => {
  const asAdmin = { role_mapping: [{ value: "fraud", role: "admin" }] };

  test("regression #30: cannot be removed, because the others need the provider", async () => {
    await bed.setProvider(asAdmin);
    const { tokens } = await singleSignOn(bed.service.url, company);
    expect(decodeJwt(tokens?.access_token ?? "").roles).toEqual(["admin"]);
    const refused = { status: 409, body: { code: "last-admin" } };
    expect(await bed.send("POST", "/v1/people/ada/disable")).toMatchObject(refused);
    expect(await bed.send("PUT", "/v1/people/ada/roles", { roles: ["viewer"] })).toMatchObject(refused);
  });

  test("regression #30: is required before the provider can be removed or its users can get new accounts", async () => {
    await bed.setProvider(asAdmin);
    await singleSignOn(bed.service.url, company);
    const lock = (at: string) =>
      bed.database.execute(`UPDATE auth.people SET disabled_at = ${at} WHERE user_name = 'ada'`);
    await lock("now()");
    try {
      const refused = { status: 409, body: { code: "last-admin" } };
      expect(await bed.send("DELETE", "/v1/identity-provider")).toMatchObject(refused);
      expect(await bed.setProvider({ ...asAdmin, subject_claim: "email" })).toMatchObject(refused);
      expect(await bed.setProvider({ ...asAdmin, scope: "openid profile" })).toMatchObject({ status: 202 });
    } finally {
      await lock("NULL");
    }
  });
});

describe("a change that a second administrator approves", () => {
  let bea: string;

  beforeAll(async () => {
    const { password } = ADA;
    await bed.send("POST", "/v1/people", { user_name: "bea", name: "Bea", roles: ["viewer"], password });
    await makeBea("admin");
    bea = await bed.tokenOf({ ...ADA, user_name: "bea" });
  });
  beforeEach(() => makeBea("admin"));
  afterEach(() => makeBea("viewer"));

  const makeBea = (role: string) =>
    bed.database.execute("UPDATE auth.people SET roles = ARRAY[$1] WHERE user_name = 'bea'", [role]);

  /** @returns the ID of the request */
  async function request(changes: object): Promise<string> {
    const { status, body } = await bed.setProvider(changes);
    expect(status).toBe(202);
    expect(JSON.stringify(body)).not.toContain("sealed");
    return String((body.grant as Record<string, unknown>).grant_id);
  }

  const approve = (id: string) => bed.send("POST", `/v1/grants/${id}/approve`, undefined, bea);

  test("does not take effect before the approval", async () => {
    await request({ role_mapping: [{ value: "fraud", role: "admin" }] });
    const { tokens } = await singleSignOn(bed.service.url, company);
    expect(decodeJwt(tokens?.access_token ?? "").roles).toEqual(["analyst"]);
  });

  test("regression #30: keeps the secret that is current at the time of the approval unless the change has its own", async () => {
    const { client_secret } = COMPANY_CLIENT;
    await approve(await request({ client_secret: "expired" }));
    const older = await request({ client_secret: undefined, scope: "openid profile" });
    const newer = await request({ client_secret });
    const { body } = await bed.send("GET", "/v1/grants");
    expect(body.grants).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ grant_id: older, change: expect.objectContaining({ has_new_secret: false }) }),
        expect.objectContaining({ grant_id: newer, change: expect.objectContaining({ has_new_secret: true }) }),
      ]),
    );
    for (const id of [newer, older]) expect(await approve(id)).toMatchObject({ status: 200 });
    expect((await bed.send("GET", "/v1/identity-provider")).body).toMatchObject({ scope: "openid profile" });
    expect((await singleSignOn(bed.service.url, company)).tokens).toBeDefined();
  });

  test("regression #30: is rejected if the domain was transferred in the meantime", async () => {
    bed.texts.set("_tripline.acme.example", ["tenant=acme"]);
    const id = await request({ domains: ["acme.example"] });
    bed.texts.clear();
    expect(await approve(id)).toMatchObject({ status: 422, body: { code: "invalid-field" } });
    bed.texts.set("_tripline.acme.example", ["tenant=acme"]);
    expect(await approve(id)).toMatchObject({ status: 200, body: { domains: ["acme.example"] } });
  });
});

test("regression #30: a domain belongs to its current owner", async () => {
  const zoe = await bed.tokenOf({ ...ADA, user_name: "zoe" });
  const domains = ["shared.example"];
  const domainsOf = async (token?: string) =>
    (await bed.send("GET", "/v1/identity-provider", undefined, token)).body.domains;
  bed.texts.set("_tripline.shared.example", ["tenant=zebra"]);
  expect(await bed.setProvider({ domains }, zoe)).toMatchObject({ status: 200 });
  bed.texts.set("_tripline.shared.example", ["tenant=acme", "tenant=zebra"]);
  expect(await bed.setProvider({ domains })).toMatchObject({ status: 422 });
  bed.texts.set("_tripline.shared.example", ["tenant=acme"]);
  expect(await bed.setProvider({ domains })).toMatchObject({ status: 200 });
  expect([await domainsOf(zoe), await domainsOf()]).toEqual([[], domains]);
});

describe("with SCIM", () => {
  const CARLA = { userName: "carla@acme.example", externalId: "c-1" };

  /** Otherwise, removed administrators would count in other tests. */
  afterEach(() => bed.database.execute("DELETE FROM auth.people WHERE user_name LIKE '%:%'"));

  async function newClient(): Promise<ScimClient> {
    const { status, body } = await bed.send("POST", "/v1/identity-provider/scim-token");
    expect(status).toBe(201);
    return new ScimClient(bed.service.url, String(body.token));
  }

  /** @returns the ID and roles in the token */
  async function signInAs(subject: string, name = CARLA.userName) {
    company.accounts.set(subject, { preferred_username: name, groups: ["fraud"] });
    company.user = subject;
    const { sub = "", roles } = decodeJwt((await singleSignOn(bed.service.url, company)).tokens?.access_token ?? "");
    return { id: sub, roles };
  }

  async function rolesOf(id: string): Promise<string[] | undefined> {
    const row = z.object({ roles: z.array(z.string()) });
    const [found] = await bed.database.query(row, "SELECT roles FROM auth.people WHERE person_id = $1", [id]);
    return found?.roles;
  }

  const makeAdmin = (id: string) =>
    bed.database.execute("UPDATE auth.people SET roles = '{analyst,admin}' WHERE person_id = $1", [id]);

  test.each<[string, boolean, object, object]>([
    ["by the subject", true, {}, { externalId: "mallory" }],
    ["by the subject, before the first sign-in", false, {}, { externalId: "mallory" }],
    ["by the name", false, { provisioning_match: "user_name" }, { userName: "mallory" }],
  ])(
    "regression #30: another account gets no role that requires two administrators, %s",
    async (_how, isLinked, match, to) => {
      await bed.setProvider({ role_mapping: [], ...match });
      const acme = await newClient();
      const { id } = (await acme.addUser(CARLA)).body;
      if (isLinked) expect((await signInAs("c-1")).id).toBe(id);
      await makeAdmin(id);
      expect(await acme.patch(`/Users/${id}`, { op: "replace", value: { displayName: "Carla C" } })).toMatchObject({
        status: 200,
      });
      expect(await rolesOf(id)).toEqual(["analyst", "admin"]);
      expect(await acme.patch(`/Users/${id}`, { op: "replace", value: to })).toMatchObject({ status: 200 });
      expect(await signInAs("mallory", "mallory")).toEqual({ id, roles: ["analyst"] });
    },
  );

  test("regression #30: the last administrator's account cannot move to another subject", async () => {
    const acme = await newClient();
    const { id } = (await acme.addUser(CARLA)).body;
    await signInAs("c-1");
    await makeAdmin(id);
    const setAda = (role: string) =>
      bed.database.execute("UPDATE auth.people SET roles = ARRAY[$1] WHERE user_name = 'ada'", [role]);
    await setAda("viewer");
    const refused = await acme.patch(`/Users/${id}`, { op: "replace", value: { externalId: "mallory" } });
    await setAda("admin");
    expect(refused).toMatchObject({ status: 409 });
    expect((await acme.get(`/Users/${id}`)).body).toMatchObject({ externalId: "c-1" });
  });

  test("regression #30: the token and groups of a replaced provider no longer apply", async () => {
    await bed.setProvider({});
    const { id } = await signInAs("c-1");
    const acme = await newClient();
    await acme.addGroup({ displayName: "fraud-leads", members: [{ value: id }] });
    await bed.setProvider({ scope: "openid profile" });
    expect(await acme.get("/Users")).toMatchObject({ status: 200 });
    expect(await rolesOf(id)).toEqual(["analyst", "lead"]);
    await bed.database.execute(
      "UPDATE auth.identity_providers SET issuer = 'https://old.example' WHERE tenant = 'acme'",
    );
    expect(await bed.setProvider({})).toMatchObject({ status: 200 });
    expect(await acme.get("/Users")).toMatchObject({ status: 401 });
    expect(await rolesOf(id)).toEqual(["analyst"]);
    expect((await (await newClient()).get("/Groups")).body.totalResults).toBe(0);
  });

  test("regression #30: a user who gets a password leaves all groups", async () => {
    await bed.setProvider({});
    const { id } = await signInAs("c-1");
    const acme = await newClient();
    const group = (await acme.addGroup({ displayName: "team", members: [{ value: id }] })).body.id;
    expect(await bed.send("POST", "/v1/people/acme:carla@acme.example/reset")).toMatchObject({ status: 200 });
    expect((await acme.get(`/Groups/${group}`)).body).toMatchObject({ members: [] });
    // Recreates the state that older versions left.
    await bed.database.execute("INSERT INTO auth.scim_members (group_id, person_id) VALUES ($1, $2)", [group, id]);
    const renamed = { op: "replace", value: { displayName: "fraud-leads" } };
    expect(await acme.patch(`/Groups/${group}`, renamed)).toMatchObject({ status: 200 });
    expect(await rolesOf(id)).toEqual(["analyst"]);
  });

  test("regression #30: an external ID is taken if another user has signed in with it", async () => {
    await bed.setProvider({});
    const acme = await newClient();
    const wrong = (await acme.addUser({ userName: "carla.at.hr", externalId: "carla-at-hr" })).body.id;
    const { id } = await signInAs("c-1");
    expect(id).not.toBe(wrong);
    const corrected = { op: "replace", value: { externalId: "c-1" } };
    expect(await acme.patch(`/Users/${wrong}`, corrected)).toMatchObject({
      status: 409,
      body: { scimType: "uniqueness" },
    });
    expect(await acme.patch(`/Users/${id}`, corrected)).toMatchObject({ status: 200, body: { externalId: "c-1" } });
    await bed.setProvider({ provisioning_match: "user_name" });
    const other = (await acme.addUser({ userName: "dora", externalId: "d-1" })).body.id;
    await acme.patch(`/Users/${id}`, { op: "replace", value: { externalId: "carla-1" } });
    expect(await acme.patch(`/Users/${other}`, corrected)).toMatchObject({ status: 200 });
  });
});
