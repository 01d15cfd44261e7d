import { randomBytes } from "node:crypto";
import { authConfig } from "@tripline/auth/config";
import { startAuth } from "@tripline/auth/start-auth";
import type { CompanyProvider } from "@tripline/auth/testing/company-provider";
import { COMPANY_CLIENT, startCompanyProvider } from "@tripline/auth/testing/company-provider";
import { consoleConfig } from "@tripline/console/config";
import { startConsole } from "@tripline/console/start-console";
import { openBrowser, openPage } from "@tripline/console-web/testing/open-browser";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import type { Browser, Page } from "playwright-core";
import { z } from "zod";
import { signIn, signInWithCompany } from "../journeys/console/console-stage.js";

/** Administers users and the identity provider in a browser, with the real console and the real auth. */

/** A tenant name of maximum length, so that names of its provider's users can also have their maximum length. */
const TENANT = "acme-".padEnd(64, "x");
const CARLA = `${"carla+fraud.".padEnd(51, "x")}@acme.example`;
const CARLA_NAME = `${TENANT}:${CARLA}`;
const PASSWORD = "a password of administrators";
const CONSOLE_SECRET = "console-secret-of-more-than-24-characters";
const START_MS_MAX = 240_000;
/** Less than the lifetime of a token. `npm run journey -- revoke` measures the documented two seconds. */
const LOCK_OUT_MS_MAX = 60_000;

const running: RunningService[] = [];
let company: CompanyProvider;
let browser: Browser;
let consoleUrl: string;
let ada: Page;
let bea: Page;

beforeAll(async () => {
  const [stack, [authPort = 0, consolePort = 0]] = await Promise.all([testStack(), findFreePorts(2)]);
  const issuer = `http://127.0.0.1:${authPort}`;
  consoleUrl = `http://127.0.0.1:${consolePort}`;
  company = await startCompanyProvider(`${issuer}/single-sign-on/${TENANT}/callback`);
  company.accounts.set("c-1", { name: "Carla", preferred_username: CARLA, groups: ["fraud"] });
  company.user = "c-1";
  const shared = {
    LOG_LEVEL: "silent",
    POSTGRES_URL: stack.postgresUrl,
    KAFKA_BROKERS: stack.kafkaBrokers.join(","),
    KAFKA_TOPIC_PREFIX: stack.topicPrefix,
    AUTH_ISSUER: issuer,
    CONSOLE_URL: consoleUrl,
    CONSOLE_CLIENT_SECRET: CONSOLE_SECRET,
  };
  const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test", topicPrefix: stack.topicPrefix });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
  const people = ["ada", "bea"].map((name) => ({ user_name: name, name, tenant: TENANT, roles: ["admin"] }));
  running.push(
    await startAuth(
      readConfig(authConfig, {
        ...shared,
        PORT: String(authPort),
        KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
        BOOTSTRAP_PEOPLE: JSON.stringify(people.map((person) => ({ ...person, password: PASSWORD }))),
        PROVIDER_ALLOWED_NETWORKS: "127.0.0.0/8",
      }),
    ),
    await startConsole(
      readConfig(consoleConfig, {
        ...shared,
        PORT: String(consolePort),
        AUTH_JWKS_URL: `${issuer}/oauth/jwks`,
        AUTH_TOKEN_URL: `${issuer}/oauth/token`,
        SESSION_KEY: randomBytes(32).toString("base64"),
        INGESTION_URL: "http://127.0.0.1:1",
        CONTROL_URL: "http://127.0.0.1:1",
      }),
    ),
  );
  browser = await openBrowser();
  [ada, bea] = [await newPage(), await newPage()];
  for (const [page, name] of [[ada, "ada"] as const, [bea, "bea"] as const]) await signIn(page, name, PASSWORD);
  const { grant } = z.object({ grant: z.object({ grant_id: z.string() }) }).parse(await request("PUT", settings()));
  expect(await call(bea, "POST", `grants/${grant.grant_id}/approve`)).toMatchObject({ issuer: company.url });
}, START_MS_MAX);

afterAll(async () => {
  await browser?.close();
  for (const service of running.reverse()) await service.close();
  await company?.close();
});

const newPage = async (): Promise<Page> => (await openPage(browser, { baseURL: consoleUrl })).page;

function settings(changes: object = {}): object {
  return { ...COMPANY_CLIENT, issuer: company.url, role_mapping: [{ value: "fraud", role: "analyst" }], ...changes };
}

/** Requests a change to the provider, as Ada. */
const request = (method: string, data?: object): Promise<unknown> => call(ada, method, "identity-provider", data);

/** Calls auth through the console, as the page does. */
async function call(page: Page, method: string, path: string, data?: object): Promise<unknown> {
  const session = z.object({ csrfToken: z.string() }).parse(await (await page.request.get("/api/session")).json());
  const headers = { "x-csrf-token": session.csrfToken };
  const answer = await page.request.fetch(`/api/auth/v1/${path}`, { method, headers, ...(data && { data }) });
  return answer.json();
}

/** Opens the request for a change to the provider, as Bea. @returns the cells of a setting's row */
async function openRequest(subject: string): Promise<(setting: string) => Promise<string[]>> {
  await bea.goto("/admin");
  await bea.getByRole("button", { name: `Approve or reject the request for ${subject}` }).click();
  const cell = (setting: string) => bea.getByRole("cell", { name: setting, exact: true });
  const rows = bea.getByRole("dialog").getByRole("row");
  return async (setting) => {
    const cells = rows.filter({ has: cell(setting) }).getByRole("cell");
    // The dialog opens before the settings have been read.
    await cells.first().waitFor();
    return cells.allTextContents();
  };
}

async function reject(): Promise<void> {
  await bea.getByRole("radio", { name: "Reject" }).click();
  await bea.getByRole("dialog").getByRole("button", { name: "Reject" }).click();
  await bea.getByRole("dialog").getByRole("status").waitFor();
}

test("regression #30: the second administrator sees the current settings of the provider next to the requested ones", async () => {
  await request("PUT", settings({ scope: "openid email" }));
  const changed = await openRequest(company.url);
  expect(await changed("Issuer")).toEqual(["Issuer", company.url, company.url]);
  expect(await changed("Scope")).toEqual(["Scope", "openid profile email", "openid email"]);
  expect(await changed("Roles")).toEqual(["Roles", "fraud → analyst", "fraud → analyst"]);
  await reject();
  await request("DELETE");
  const removed = await openRequest("Identity provider");
  expect(await removed("Issuer")).toEqual(["Issuer", company.url, "None"]);
  await reject();
});

test("regression #30: when an administrator locks a user of the provider, the session ends", async () => {
  const carla = await newPage();
  await signInWithCompany(carla, TENANT);

  await ada.goto("/admin");
  await ada.getByRole("cell", { name: CARLA_NAME, exact: true }).waitFor();
  await change("Lock");
  const lockedAtMs = Date.now();
  const statusOf = async (): Promise<number> => (await carla.request.get("/api/views")).status();
  let status = await statusOf();
  while (status !== 401 && Date.now() < lockedAtMs + LOCK_OUT_MS_MAX) status = await statusOf();
  expect(status).toBe(401);
});

test("regression #30: after a reset, a user of the provider can type the name, however long it is", async () => {
  await change("Unlock");
  const password = await change("Reset password");
  const carla = await newPage();
  await carla.goto("/look-up");
  await carla.getByRole("link", { name: "Sign in" }).click();
  await carla.getByLabel("User name").pressSequentially(CARLA_NAME);
  await carla.getByLabel("Password").fill(password);
  await carla.getByRole("button", { name: "Sign in", exact: true }).click();
  await carla.getByRole("heading", { name: "Look up", level: 1 }).waitFor();
});

/** Changes Carla, as Ada. @returns the secret that is shown once, if there is one */
async function change(step: string): Promise<string> {
  await ada.goto("/admin");
  await ada.getByRole("button", { name: "Change Carla" }).click();
  const dialog = ada.getByRole("dialog", { name: "Carla" });
  await dialog.getByRole("radio", { name: step }).click();
  await dialog.getByRole("button", { name: step }).click();
  await dialog.getByRole("status").last().waitFor();
  const secret = dialog.locator("output");
  return (await secret.count()) === 0 ? "" : ((await secret.textContent()) ?? "");
}
