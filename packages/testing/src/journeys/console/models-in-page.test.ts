import { randomUUID } from "node:crypto";
import type { TestBed } from "@tripline/console/testing/test-bed";
import { startTestBed } from "@tripline/console/testing/test-bed";
import type { TestPerson } from "@tripline/console/testing/test-issuer";
import { eventually } from "@tripline/console/testing/test-records";
import { findViolations, openBrowser, openPage } from "@tripline/console-web/testing/open-browser";
import { controlConfig } from "@tripline/control/config";
import { startControl } from "@tripline/control/start-control";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { publication, temporaryRegistry } from "@tripline/model-registry/testing/publications";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import type { Page } from "playwright-core";
import { z } from "zod";

/** Tests model cards and rollouts on the Models screen in a browser, with the real console and control plane. */

const START_MS_MAX = 240_000;
const WIDTHS_PX = [390, 1280, 1920];
const HEIGHT_PX = 900;
const DAY_MS = 86_400_000;

let bed: TestBed;
let control: RunningService;
let browser: Awaited<ReturnType<typeof openBrowser>>;
let registry: RecordingRegistry;
let removeRegistry: () => Promise<void>;
let champion: string;
let ann: TestPerson;
let ben: TestPerson;
let vera: TestPerson;
const opened: Awaited<ReturnType<typeof openPage>>[] = [];

beforeAll(async () => {
  const files = await temporaryRegistry();
  removeRegistry = files.remove;
  registry = openRegistry(files.url);
  const metrics = { train: { rows: 4_000, frauds: 40 }, valid: { average_precision: 0.71 } };
  champion = (await registry.publish(publication("champion", { metrics }))).version;
  await registry.setAlias("fraud", "champion", champion);
  await registry.setAlias("fraud", "candidate", champion);
  const [port = 0] = await findFreePorts(1);
  bed = await startTestBed({ CONTROL_URL: `http://127.0.0.1:${port}`, REGISTRY_URL: files.url });
  const { KAFKA_BROKERS, KAFKA_TOPIC_PREFIX, POSTGRES_URL, AUTH_ISSUER, AUTH_JWKS_URL } = bed.config;
  control = await startControl(
    readConfig(controlConfig, {
      ...{ PORT: String(port), LOG_LEVEL: "silent", OPERATOR_TENANT: bed.tenant, REGISTRY_URL: files.url },
      ...{ KAFKA_BROKERS: KAFKA_BROKERS.join(","), KAFKA_TOPIC_PREFIX, POSTGRES_URL, AUTH_ISSUER, AUTH_JWKS_URL },
    }),
  );
  const lead = (name: string): TestPerson => ({
    ...{ id: randomUUID(), name, tenant: bed.tenant, roles: ["lead"] },
    scope: `${bed.people.viewer.scope} models:write audit:read`,
  });
  [ann, ben, vera] = [lead("Ann Lee"), lead("Ben Roy"), bed.people.viewer];
  browser = await openBrowser();
}, START_MS_MAX);
afterEach(async () => {
  for (const { context } of opened.splice(0)) await context.close();
});
afterAll(async () => {
  await browser?.close();
  await control?.close();
  await bed?.close();
  await removeRegistry?.();
});

/** Opens the Models screen as a signed-in user. */
async function openModels(person: TestPerson, theme: "light" | "dark" = "light") {
  bed.issuer.person = person;
  const watched = await openPage(browser, { baseURL: bed.service.url, theme, height: HEIGHT_PX });
  opened.push(watched);
  await watched.page.goto(`/session/sign-in?to=${encodeURIComponent("/models")}`);
  await watched.page.getByRole("heading", { name: "Models", level: 1 }).waitFor();
  return watched;
}

/** Calls control with a user's token. */
async function call(person: TestPerson, method: "GET" | "POST" | "PUT", path: string, body?: object) {
  const response = await fetch(control.url + path, {
    method,
    headers: {
      authorization: `Bearer ${await bed.issuer.token(person)}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === "" ? undefined : JSON.parse(text)) as unknown };
}

const inDays = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString();
const cardOf = (version: string): string => `/v1/models/fraud/versions/${version}`;

/** A version that was compared with the champion. */
async function newCandidate(): Promise<string> {
  const { version } = await registry.publish(publication(randomUUID()));
  const comparison = { champion, money: "It saves 137.08 EUR per day compared with the champion." };
  expect((await call(ann, "PUT", `${cardOf(version)}/comparison`, comparison)).status).toBe(204);
  return version;
}

const panelOf = (page: Page) => page.getByRole("region", { name: "Model card", exact: true });
const contractOf = (page: Page) => page.getByRole("region", { name: "Owner and signature" });

async function choose(page: Page, version: string): Promise<void> {
  await panelOf(page).getByLabel("Model", { exact: true }).selectOption(version);
}

const steps = z.object({ steps: z.array(z.object({ step: z.string() })), stage: z.string() });
const stepsOf = async () => steps.parse((await call(ann, "GET", "/v1/rollouts/fraud")).body);

test("a model card is registered by one user and signed by another", async () => {
  const version = await newCandidate();
  const { page, faults } = await openModels(ann);
  await choose(page, version);
  const contract = contractOf(page);
  await contract.getByText("No model card", { exact: true }).waitFor();
  await contract.getByText("It saves 137.08 EUR per day compared with the champion.").waitFor();
  await contract.getByRole("button", { name: "Register model card" }).click();
  const dialog = page.getByRole("dialog", { name: "Register a model card" });
  await dialog.getByLabel("Owner").fill("Fraud models");
  await dialog.getByRole("button", { name: "Register model card" }).dblclick();
  await dialog.waitFor({ state: "detached" });
  await contract.getByText("You registered this model card, so another user must sign it.").waitFor();
  expect(await contract.getByRole("button", { name: "Sign", exact: true }).count()).toBe(0);

  const { page: second } = await openModels(ben);
  await choose(second, version);
  await contractOf(second).getByText("Ann Lee").waitFor();
  await contractOf(second).getByRole("button", { name: "Sign", exact: true }).click();
  const signing = second.getByRole("dialog", { name: "Sign the model card" });
  await signing.getByText("Fraud models").waitFor();
  // A signature applies only to the model card that the user has read.
  await call(ann, "PUT", `${cardOf(version)}/card`, { owner: "Somebody else", expires_at: inDays(20) });
  await signing.getByRole("button", { name: "Sign", exact: true }).click();
  await signing.getByRole("alert").getByText("Read it before you sign it.").waitFor();
  await signing.getByRole("button", { name: "Cancel" }).click();
  await contractOf(second).getByText("Somebody else").waitFor();
  await contractOf(second).getByRole("button", { name: "Sign", exact: true }).click();
  await signing.getByRole("button", { name: "Sign", exact: true }).dblclick();
  await contractOf(second).getByText("Expires soon", { exact: true }).waitFor();
  await contractOf(second).getByText("The model card expires in 20 days.").waitFor();
  await contractOf(second).getByText("Ben Roy").waitFor();
  const signed = { action: "model-card-signed", actor: ben.id };
  await eventually(async () => {
    const { body } = await call(ann, "GET", "/v1/audit?tenant=&action=model-card-signed");
    expect(body).toMatchObject({ entries: [signed] });
  });
  expect(faults).toEqual([]);
});

test("viewers can read model cards, and all users see that a model card has expired", async () => {
  await call(ann, "PUT", `${cardOf(champion)}/card`, { owner: "Fraud models", expires_at: inDays(1) });
  await bed.database.execute(
    "UPDATE control.model_versions SET expires_at = now() - interval '1 day' WHERE version = $1",
    [champion],
  );
  const { page } = await openModels(vera);
  await page.getByText(`Champion ${champion} of fraud:`).waitFor();
  const contract = contractOf(page);
  await contract.getByText("Expired", { exact: true }).waitFor();
  await contract.getByText("The champion keeps deciding.").waitFor();
  await contract.getByText("Leads of the operator's tenant can register and sign model cards.").waitFor();
  expect(await contract.getByRole("button").count()).toBe(0);
  const rollout = page.getByRole("region", { name: "Rollout", exact: true });
  await rollout.getByText("Leads of the operator's tenant can start and change rollouts.").waitFor();
});

test("a rollout is started, held, advanced and rolled back: each step happens once, and only in the state that the user saw", async () => {
  const version = await newCandidate();
  await call(ann, "PUT", `${cardOf(version)}/card`, { owner: "Fraud models", expires_at: inDays(90) });
  const { page, faults } = await openModels(ann);
  const rollout = page.getByRole("region", { name: "Rollout", exact: true });
  await rollout.getByRole("button", { name: "Start rollout" }).click();
  const start = page.getByRole("dialog", { name: "Start a rollout" });
  await start.getByLabel("Version").selectOption(version);
  await start
    .getByText("Without one, it cannot decide for more than 5 % of the cards or become the champion.")
    .waitFor();
  await start.getByLabel("Percentage of cards at each step").fill("5, 1");
  await start.getByText("Enter percentages in ascending order").waitFor();
  await start.getByLabel("Percentage of cards at each step").fill("1, 5, 50");
  await start.getByLabel("Reason").fill("Trained on October");
  await start.getByRole("button", { name: "Start rollout" }).dblclick();
  await rollout.getByText("Shadow", { exact: true }).waitFor();

  const step = async (name: string, why: string) => {
    await rollout.getByRole("button", { name, exact: true }).click();
    const dialog = page.getByRole("dialog", { name });
    await dialog.getByLabel("Reason").fill(why);
    return dialog;
  };
  const advance = await step("Advance", "Guards are fine");
  await advance.getByText("The candidate will decide for 1% of the cards.").waitFor();
  await advance.getByRole("button", { name: "Advance" }).dblclick();
  await rollout.getByText("Canary", { exact: true }).waitFor();
  const guards = page.getByRole("region", { name: "Side by side", exact: true });
  await guards.getByText("Data so far: 0 of 20 labels, 0 of 200 mature labels.").waitFor();
  const hold = await step("Hold", "A weekend");
  // Another user acts while the dialog is open.
  expect((await call(ben, "POST", "/v1/rollouts/fraud/advance", { why: "No need to wait" })).status).toBe(200);
  await hold.getByRole("alert").getByText('performed the step "advance"').waitFor();
  expect(await hold.getByRole("button", { name: "Hold" }).isDisabled()).toBe(true);
  await hold.getByRole("button", { name: "Cancel" }).click();
  // An unsigned model card allows at most 5 %.
  const further = await step("Advance", "More");
  await further.getByRole("button", { name: "Advance" }).click();
  await further.getByRole("alert").getByText("200 of its own alerts").waitFor();
  await further.getByRole("button", { name: "Cancel" }).click();
  const back = await step("Roll back", "Enough seen");
  await back.getByText("The champion decides for all cards again within seconds.").waitFor();
  await back.getByRole("button", { name: "Roll back" }).dblclick();
  await rollout.getByText("Rolled back", { exact: true }).waitFor();
  const { stage, steps: made } = await stepsOf();
  expect([stage, made.map((one) => one.step)]).toEqual(["rolled-back", ["start", "advance", "advance", "rollback"]]);
  expect(faults).toEqual([]);
});

test("limits for automatic promotion are set by one user, signed by another, and withdrawn", async () => {
  const { page, faults } = await openModels(ann);
  const panel = page.getByRole("region", { name: "Automatic promotion of fraud" });
  await panel.getByRole("button", { name: "Set limits" }).click();
  const dialog = page.getByRole("dialog", { name: "Set limits for automatic promotion" });
  await dialog.getByLabel("Owner of promoted versions").fill("Fraud models");
  await dialog.getByLabel("Maximum number of promotions within 30 days").fill("2");
  await dialog.getByRole("button", { name: "Set limits" }).dblclick();
  await panel.getByText("Not in effect", { exact: true }).waitFor();
  await panel.getByText("You set these limits, so another user must sign them.").waitFor();
  expect(await panel.getByRole("button", { name: "Sign limits" }).count()).toBe(0);

  const { page: second } = await openModels(ben);
  const seen = second.getByRole("region", { name: "Automatic promotion of fraud" });
  await seen.getByRole("button", { name: "Sign limits" }).click();
  const signing = second.getByRole("dialog", { name: "Sign the limits for automatic promotion" });
  await signing.getByText("0 of 2", { exact: true }).waitFor();
  await signing.getByRole("button", { name: "Sign limits" }).dblclick();
  await seen.getByText("In effect", { exact: true }).waitFor();
  await seen.getByRole("button", { name: "Withdraw signature" }).click();
  const withdrawal = second.getByRole("dialog", { name: "Withdraw signature" });
  await withdrawal.getByText("Nothing is promoted automatically until the limits are signed again.").waitFor();
  await withdrawal.getByRole("button", { name: "Withdraw signature" }).click();
  await seen.getByText("Not in effect", { exact: true }).waitFor();
  await seen.getByText("Nobody has signed the limits for automatic promotion.").waitFor();
  const actions = ["promotion-limits-withdrawn", "promotion-limits-signed", "promotion-limits-set"];
  await eventually(async () => {
    const { body } = await call(ann, "GET", "/v1/audit?tenant=&limit=3");
    expect(body).toMatchObject({ entries: actions.map((action) => ({ action })) });
  });
  expect(faults).toEqual([]);
});

test("the screen meets WCAG 2.2 AA in both themes, and fits phones and large displays", async () => {
  const version = await newCandidate();
  await call(ann, "PUT", `${cardOf(version)}/card`, { owner: "Fraud models", expires_at: inDays(90) });
  const body = { model: "fraud", candidate: version, why: "Trained on October" };
  await call(ann, "POST", "/v1/rollouts", body);
  await call(ann, "POST", "/v1/rollouts/fraud/advance", { why: "Guards are fine" });
  for (const theme of ["light", "dark"] as const) {
    const { page, faults } = await openModels(ben, theme);
    await choose(page, version);
    await contractOf(page).getByRole("button", { name: "Sign", exact: true }).waitFor();
    await page.getByText("Data so far: 0 of 20 labels, 0 of 200 mature labels.").waitFor();
    expect(await findViolations(page)).toEqual([]);
    for (const width of WIDTHS_PX) {
      await page.setViewportSize({ width, height: HEIGHT_PX });
      await eventually(async () => expect([width, await isTooWide(page)]).toEqual([width, false]));
    }
    await contractOf(page).getByRole("button", { name: "Sign", exact: true }).click();
    await page.getByRole("dialog", { name: "Sign the model card" }).waitFor();
    expect(await findViolations(page)).toEqual([]);
    expect(faults).toEqual([]);
  }
  await call(ann, "POST", "/v1/rollouts/fraud/rollback", { why: "End of the test" });
});

const isTooWide = (page: Page): Promise<boolean> =>
  page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth");
