import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { authConfig } from "@tripline/auth/config";
import { startAuth } from "@tripline/auth/start-auth";
import { findViolations, openBrowser } from "@tripline/console-web/testing/open-browser";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import type { Browser, Page } from "playwright-core";
import { z } from "zod";

const PERSON = {
  user_name: "pia",
  name: "Pia",
  tenant: "acme",
  roles: ["analyst"],
  password: "a password of passkeys",
};
const SECRET = "console-secret-of-more-than-24-characters";
const WAIT_MS_MAX = 120_000;
/** Submits the page's form without further input. */
const SUBMIT = 'document.querySelector("form").submit()';

let service: RunningService;
let database: Database;
let browser: Browser;
let issuer: string;
/** Stands in for the console. */
const callback = createServer((_request, response) => void response.end("signed in"));
let consoleUrl: string;

beforeAll(async () => {
  const { postgresUrl } = await testStack();
  const [port = 0, consolePort = 0] = await findFreePorts(2);
  callback.listen(consolePort, "localhost");
  await once(callback, "listening");
  // A host name, because browsers do not support passkeys for IP addresses.
  issuer = `http://localhost:${port}`;
  consoleUrl = `http://localhost:${consolePort}`;
  service = await startAuth(
    readConfig(authConfig, {
      PORT: String(port),
      LOG_LEVEL: "silent",
      POSTGRES_URL: postgresUrl,
      KAFKA_BROKERS: "127.0.0.1:9",
      AUTH_ISSUER: issuer,
      KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
      BOOTSTRAP_PEOPLE: JSON.stringify([PERSON]),
      CONSOLE_URL: consoleUrl,
      CONSOLE_CLIENT_SECRET: SECRET,
    }),
  );
  database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 5_000, onIdleError() {} });
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  callback.close();
  await service?.close();
  await database?.close();
});

/** A page with a virtual authenticator that confirms every request. */
async function openPage(): Promise<{ page: Page; authenticator: Authenticator }> {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  const client = await context.newCDPSession(page);
  await client.send("WebAuthn.enable");
  const { authenticatorId } = await client.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "usb",
      hasResidentKey: false,
      hasUserVerification: false,
      automaticPresenceSimulation: true,
    },
  });
  const credentials = async () => (await client.send("WebAuthn.getCredentials", { authenticatorId })).credentials;
  return {
    page,
    authenticator: {
      credentials,
      async clear() {
        await client.send("WebAuthn.clearCredentials", { authenticatorId });
      },
    },
  };
}

interface Authenticator {
  credentials(): Promise<readonly { readonly signCount: number }[]>;
  clear(): Promise<void>;
}

/** Opens the first page of the sign-in. */
async function startSignIn(page: Page): Promise<void> {
  const query = new URLSearchParams({
    client_id: "tripline-console",
    response_type: "code",
    redirect_uri: `${consoleUrl}/session/callback`,
    scope: "openid decisions:read",
    state: "state-of-the-test",
    nonce: "nonce-of-the-test",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
    prompt: "login",
  });
  await page.goto(`${issuer}/oauth/authorize?${query}`);
}

/** Enters user name and password on the first page of the sign-in. */
async function typePassword(page: Page): Promise<void> {
  await startSignIn(page);
  await page.getByLabel("User name").fill(PERSON.user_name);
  await page.getByLabel("Password").fill(PERSON.password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Waits until the sign-in has redirected the browser back to the console. */
const arrived = (page: Page) => page.waitForURL((url) => url.href.startsWith(`${consoleUrl}/session/callback`));

async function addPasskey(page: Page, name: string): Promise<void> {
  await page.goto(`${issuer}/account/passkeys`);
  await page.getByLabel("Name of the new passkey").fill(name);
  await page.locator("form:has([data-passkey=add])").getByLabel("Password").fill(PERSON.password);
  await page.getByRole("button", { name: "Add passkey" }).click();
  await page.getByRole("heading", { name }).waitFor();
}

test("a user adds a passkey, must use it at the next sign-in, and can sign in with it alone", async () => {
  const { page, authenticator } = await openPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) faults.push(message.text());
  });
  await startSignIn(page);
  const violations = await findViolations(page);
  await Promise.all([arrived(page), typePassword(page)]);
  await addPasskey(page, "Blue key");
  violations.push(...(await findViolations(page)));
  for (const path of ["/account/password", "/account/second-factor"]) {
    await page.goto(issuer + path);
    violations.push(...(await findViolations(page)));
  }
  const [before] = await authenticator.credentials();

  await typePassword(page);
  await page.getByRole("heading", { name: "Use your passkey" }).waitFor();
  violations.push(...(await findViolations(page)));
  expect(violations).toEqual([]);
  await Promise.all([arrived(page), page.getByRole("button", { name: "Use a passkey" }).click()]);
  expect(new URL(page.url()).searchParams.get("code")).toMatch(/./);
  const [after] = await authenticator.credentials();
  expect(after?.signCount).toBeGreaterThan(before?.signCount ?? 0);
  expect(faults).toEqual([]);

  // The password alone is not enough.
  const stranger = await openPage();
  await typePassword(stranger.page);
  await stranger.page.getByRole("heading", { name: "Use your passkey" }).waitFor();
  await stranger.page.evaluate(SUBMIT);
  await stranger.page.getByText("The code is wrong").waitFor();
  await stranger.page.context().close();

  await page.goto(`${issuer}/account/passkeys`);
  await page.locator("form:has([name=passkey_id])").getByLabel("Password").fill(PERSON.password);
  await page.getByRole("button", { name: "Remove Blue key" }).click();
  await page.getByText("With a passkey, you sign in").waitFor();
  await Promise.all([arrived(page), typePassword(page)]);
  const actions = z.object({ action: z.string() });
  const rows = await database.query(
    actions,
    "SELECT action FROM auth.audit_outbox WHERE action LIKE 'person-passkey%' ORDER BY action",
  );
  expect(rows.map(({ action }) => action)).toEqual(["person-passkey-add", "person-passkey-remove"]);
  await page.context().close();
});

test("a response is valid once, and only for its own sign-in", async () => {
  const { page, authenticator } = await openPage();
  await Promise.all([arrived(page), typePassword(page)]);
  await addPasskey(page, "Red key");
  await typePassword(page);
  const sent = page.waitForRequest((request) => request.method() === "POST" && request.url().includes("/sign-in/"));
  await Promise.all([arrived(page), page.getByRole("button", { name: "Use a passkey" }).click()]);
  const form = new URLSearchParams((await sent).postData() ?? "");
  expect(form.get("passkey")).toContain("public-key");
  await authenticator.clear();
  // Otherwise the service would reject the replay because of the counter alone.
  await database.execute("UPDATE auth.passkeys SET counter = 0");

  await typePassword(page);
  await page.getByRole("heading", { name: "Use your passkey" }).waitFor();
  for (const name of ["passkey", "passkey_sealed"]) {
    await page.evaluate(`document.querySelector("[name=${name}]").value = ${JSON.stringify(form.get(name))}`);
  }
  await page.evaluate(SUBMIT);
  await page.getByText("The passkey was not accepted").waitFor();
  await page.context().close();
});
