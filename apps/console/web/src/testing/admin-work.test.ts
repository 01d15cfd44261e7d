import { Refusal } from "./fixture-request.js";
import { makeSession } from "./fixture-session.js";
import { useConsole } from "./use-console.js";

const openConsole = useConsole({ cases: 1 });
const ENDPOINT = "https://hooks.example.com/tripline";

test("adds a user with a password that is shown once; for a taken name, shows the error next to the field", async () => {
  const { page, api, faults } = await openConsole();
  await page.goto("/admin");
  await page.getByRole("button", { name: "Add user" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Eva Lind");
  await page.getByLabel("User name").fill("lin");
  await page.getByRole("checkbox", { name: /^Viewer/ }).check();
  await page.getByRole("dialog").getByRole("button", { name: "Add user" }).click();
  await page.getByRole("alert").getByText("The user name lin is already in use.").waitFor();
  await page.getByLabel("User name").fill("eva");
  await page.getByRole("dialog").getByRole("button", { name: "Add user" }).click();
  const shown = page.getByRole("dialog", { name: "Eva Lind can now sign in" });
  const password = (await shown.locator("output").textContent()) ?? "";
  expect(api.admin.people.at(-1)).toMatchObject({ user_name: "eva", roles: ["viewer", "analyst"] });
  await shown.getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("cell", { name: "Eva Lind", exact: true }).waitFor();
  expect(await page.content()).not.toContain(password);
  expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }))).not.toContain(password);
  expect(faults).toEqual([]);
});

test("changes roles, locks and secrets one at a time, and reports a change that has not been published yet", async () => {
  const { page, api } = await openConsole();
  const step = async (of: string, name: string, more?: () => Promise<void>): Promise<string> => {
    await page.getByRole("button", { name: `Change ${of}` }).click();
    const dialog = page.getByRole("dialog", { name: of });
    await dialog.getByRole("radio", { name }).click();
    await more?.();
    await dialog.getByRole("button", { name }).click();
    const said = (await dialog.getByRole("status").last().textContent()) ?? "";
    await dialog.getByRole("button", { name: "Close" }).last().click();
    return said;
  };
  await page.goto("/admin");
  await step("Lin Zhao", "Set roles", () => page.getByRole("checkbox", { name: /^Lead/ }).check());
  expect(await step("Lin Zhao", "Sign out everywhere")).toMatch(/not all services have received it yet/);
  await step("Tom Ito", "Unlock");
  await step("till", "Lock");
  expect(api.admin.people.filter(({ disabled_at }) => disabled_at !== null)).toEqual([]);
  expect(api.admin.people.find(({ user_name }) => user_name === "lin")?.roles).toEqual(["analyst", "lead"]);
  expect(api.admin.clients.map(({ disabled_at }) => disabled_at === null)).toEqual([false, true]);
  // A client that signs in with a key has no secret to change.
  await page.getByRole("button", { name: "Change reports" }).click();
  expect(await page.getByRole("radio").count()).toBe(2);
});

test("hides the first steps when all of them are completed", async () => {
  const { page, api } = await openConsole();
  api.admin.people = api.admin.people.map((one) => ({ ...one, has_second_factor: true }));
  api.admin.clients = [];
  await page.goto("/admin");
  const steps = page.getByRole("region", { name: "First steps" });
  await steps.getByText("with the scope transactions:write").waitFor();
  await page.getByRole("button", { name: "Add client" }).click();
  await page.getByLabel("Client ID").fill("till-2");
  await page.getByRole("dialog").getByRole("button", { name: "Add client" }).click();
  await page.getByText("The client can now call the API").waitFor();
  await page.keyboard.press("Escape");
  await steps.waitFor({ state: "detached" });
});

test("regression #24: a change that needs two administrators waits for the second one's approval; a client gets an owner", async () => {
  const { page, api, faults } = await openConsole();
  const asked = { requested_at: new Date().toISOString(), expires_at: new Date(Date.now() + 86_400_000).toISOString() };
  const change = { action: "person-roles", user_name: "lin", roles: ["lead"] };
  api.admin.grants = [
    { grant_id: "g1", change, principal: "person-ada", requested_by: "person-ada", ...asked },
    { grant_id: "g2", change: { ...change, user_name: "demo" }, principal: "demo", requested_by: "demo", ...asked },
  ];
  await page.goto("/admin");
  // The requester can only withdraw the request.
  await page.getByRole("button", { name: "Approve or reject the request for demo" }).click();
  await page.getByRole("radio", { name: "Reject" }).waitFor();
  expect(await page.getByRole("radio").count()).toBe(1);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Approve or reject the request for lin" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await page.getByRole("dialog").getByRole("status").waitFor();
  await page.keyboard.press("Escape");
  expect(api.admin.people.find(({ user_name }) => user_name === "lin")?.roles).toEqual(["lead"]);
  await page.getByRole("button", { name: "Change till" }).click();
  await page.getByRole("radio", { name: "Set owner" }).click();
  await page.getByLabel("User name of the owner").fill("ada");
  await page.getByRole("dialog").getByRole("button", { name: "Set owner" }).click();
  await page.getByRole("dialog").getByRole("status").waitFor();
  expect(api.admin.clients[0]?.owner?.user_name).toBe("ada");
  expect(faults).toEqual([]);
});

test("regression #30: shows what a requested identity provider would change before it is approved", async () => {
  const { page, api, faults } = await openConsole();
  const settings = {
    ...{ issuer: "https://login.example.com", client_id: "tripline", scope: "openid", domains: ["example.com"] },
    ...{ subject_claim: "sub", user_name_claim: "email", roles_claim: "groups", required_claims: [] },
    ...{ role_mapping: [{ value: "staff", role: "admin" as const }], is_enforced: true, break_glass: "demo" },
    provisioning_match: "external_id" as const,
  };
  const provider = { ...settings, role_mapping: [], is_enforced: false, break_glass: null };
  api.admin.provider = { ...provider, tenant: "demo", changed_at: new Date().toISOString() };
  const at = { requested_at: new Date().toISOString(), expires_at: new Date(Date.now() + 86_400_000).toISOString() };
  const change = { action: "provider-set", settings, has_new_secret: true };
  api.admin.grants = [{ grant_id: "g1", change, principal: "person-ada", requested_by: "person-ada", ...at }];
  await page.goto("/admin");
  await page.getByRole("button", { name: `Approve or reject the request for ${settings.issuer}` }).click();
  const row = (name: string) => page.getByRole("dialog").getByRole("row", { name: new RegExp(`^${name}`, "u") });
  expect(await row("Roles None").getByRole("cell").allTextContents()).toEqual(["Roles", "None", "staff → admin"]);
  expect(await row("Passwords rejected").getByRole("cell").allTextContents()).toEqual([
    ...["Passwords rejected", "No", "Yes"],
  ]);
  expect(await row("E-mail domains").locator("strong").count()).toBe(0);
  expect(await row("Client secret").getByRole("cell").allTextContents()).toEqual(["Client secret", "Set", "New"]);
  await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await page.getByRole("dialog").getByRole("status").waitFor();
  expect(faults).toEqual([]);
});

test("regression #30: does not report the identity provider as missing if the request for it fails", async () => {
  const { page, api, fixture } = await openConsole();
  const at = { requested_at: new Date().toISOString(), expires_at: new Date(Date.now() + 86_400_000).toISOString() };
  const change = { action: "provider-remove" };
  api.admin.grants = [{ grant_id: "g1", change, principal: "person-ada", requested_by: "person-ada", ...at }];
  await page.goto("/admin");
  const open = () => page.getByRole("button", { name: /^Approve or reject the request/ }).click();
  await open();
  await page
    .getByRole("dialog")
    .getByRole("row", { name: /^Issuer None None/ })
    .waitFor();
  fixture.failing.set("/identity-provider", new Refusal(404, "not-found", "Not found."));
  await page.reload();
  await open();
  await page.getByRole("dialog").getByRole("alert").waitFor();
});

test("rejects an invalid URL, then adds an endpoint and shows its secret once", async () => {
  const { page, api, faults } = await openConsole();
  await page.goto("/webhooks");
  await page.getByRole("button", { name: "Add endpoint" }).click();
  await page.getByLabel("URL").fill("http://10.0.0.7/");
  await page.getByRole("checkbox", { name: "list.changed" }).check();
  await page.getByRole("dialog").getByRole("button", { name: "Add endpoint" }).click();
  await page.getByRole("alert").getByText("It must start with https://.").first().waitFor();
  await page.getByLabel("URL").fill("https://new.example.com/");
  await page.getByRole("dialog").getByRole("button", { name: "Add endpoint" }).click();
  const shown = page.getByRole("dialog", { name: "The endpoint was added" });
  const secret = (await shown.locator("output").textContent()) ?? "";
  expect(secret).toMatch(/^whsec_/);
  await shown.getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("cell", { name: "https://new.example.com/", exact: true }).waitFor();
  expect(api.control.webhooks.endpoints.at(-1)?.event_types).toContain("list.changed");
  expect(await page.content()).not.toContain(secret);
  expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }))).not.toContain(secret);
  expect(faults).toEqual([]);
});

test("tests, edits, pauses, resumes, rotates, replays and removes an endpoint, one action at a time", async () => {
  const { page, api, fixture, faults } = await openConsole();
  const step = async (name: string, more?: () => Promise<void>): Promise<string> => {
    await page.getByRole("button", { name: `Change ${ENDPOINT}` }).click();
    const dialog = page.getByRole("dialog", { name: ENDPOINT });
    await dialog.getByRole("radio", { name }).click();
    await more?.();
    await dialog.getByRole("button", { name }).click();
    const said = (await dialog.getByRole("status").last().textContent()) ?? "";
    await dialog.getByRole("button", { name: "Close" }).last().click();
    return said;
  };
  await page.goto("/webhooks");
  expect(await step("Send test event")).toMatch(/^Test event evt_f+ is being sent/);
  await page.getByRole("cell", { name: "webhook.test" }).waitFor();
  await step("Edit", () => page.getByLabel("Description").fill("Case tool"));
  await page.getByText("Case tool").waitFor();
  await step("Pause");
  await page.getByText("Paused by a user").waitFor();
  await step("Resume");
  expect(await step("Rotate secret", () => page.getByLabel(/^Hours/).fill("0"))).toBe(
    "Saved. The change is in the audit log.",
  );
  expect(await step("Replay")).toBe("Events being resent: 13.");
  await step("Remove");
  await page.getByRole("cell", { name: ENDPOINT }).waitFor({ state: "detached" });
  expect(api.control.webhooks.endpoints).toHaveLength(1);
  expect(fixture.asked.filter((asked) => /^(POST|PUT|DELETE)/.test(asked))).toHaveLength(7);
  expect(faults).toEqual([]);
});

test("filters the delivery log and sends a failed event again", async () => {
  const { page } = await openConsole();
  await page.goto("/webhooks");
  await page.getByRole("region", { name: "Delivery log" }).first().getByLabel("State").selectOption("failed");
  await page.getByRole("cell", { name: "Delivered", exact: true }).first().waitFor({ state: "detached" });
  const buttons = page.getByRole("button", { name: /^Send again: evt_/ });
  await buttons.nth(3).waitFor();
  expect(await buttons.count()).toBe(4);
  await buttons.first().click();
  await buttons.nth(3).waitFor({ state: "detached" });
});

test("explains how to enable webhooks if there is no master key, and is read-only without webhooks:write", async () => {
  const { page, fixture } = await openConsole();
  fixture.session = makeSession(Date.now(), ["decisions:read", "webhooks:read"]);
  await page.goto("/webhooks");
  await page.getByRole("cell", { name: ENDPOINT }).waitFor();
  expect(await page.getByRole("button", { name: /^(Add endpoint|Change|Send)/ }).count()).toBe(0);
  fixture.failing.set("/webhooks/", new Refusal(404, "not-found", "Not found."));
  await page.reload();
  await page.getByText("Webhooks are off").waitFor();
});
