import { randomUUID } from "node:crypto";
import type { CompanyProvider } from "@tripline/auth/testing/company-provider";
import { COMPANY_CLIENT, startCompanyProvider } from "@tripline/auth/testing/company-provider";
import { ScimClient } from "@tripline/auth/testing/scim-client";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import type { Page } from "playwright-core";
import { z } from "zod";
import { buildPayment, randomCardNumber } from "../../support/build-payment.js";
import type { ConsoleStage } from "./console-stage.js";
import {
  chooseCompany,
  comesTrue,
  DECISION_WAIT_SECONDS,
  inBrowser,
  menuLink,
  openScreen,
  signIn,
  signInWithCompany,
} from "./console-stage.js";

const LARGE_MINOR = 150_000;
/** The documented limit: within this time, every service rejects a disabled user's tokens. */
const REFUSED_MS_MAX = 2_000;
const LOOK_MS = 20;
const GROUP = "fraud-analysts";
const UNAUTHENTICATED = 401;

/**
 * A company provisions its users by SCIM. One of them signs in with the company's provider and takes a case. Then the
 * company deactivates the user: the console rejects the next click, and the case returns to the queue.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function leaveJourney(stage: ConsoleStage): Promise<void> {
  const company = await startCompanyProvider(`${stage.authUrl}/single-sign-on/${DEMO_TENANT}/callback`);
  try {
    const scim = await connect(stage, company);
    const subject = `lea-${randomUUID().slice(0, 8)}`;
    const id = await addAnalyst(company, scim, subject);
    stage.print(`The company sent ${subject} and the group ${GROUP} by SCIM.`);
    const terminalId = await openCase(stage);
    await inBrowser(stage, 3, async (page, colleague, another) => {
      if (page === undefined || colleague === undefined || another === undefined) {
        throw new Error("There is no browser.");
      }
      await signInWithCompany(page, DEMO_TENANT);
      await takeCase(page, terminalId);
      stage.print("Lea signed in with the company's provider, with the role of her group, and took a case.");
      await leave(stage, scim, { page, id });
      await signIn(colleague, "demo-lead", stage.passwords.lead);
      await findReleased(colleague, terminalId);
      stage.print("The case is unassigned, and its history says why.");
      await another.goto("/session/sign-in?to=%2Flook-up");
      await chooseCompany(another, DEMO_TENANT);
      await another.getByText("Your account is disabled.").waitFor();
      stage.print("She can no longer sign in with the company's provider.");
    });
  } finally {
    await stage.auth.call("DELETE", "/v1/identity-provider").catch(() => undefined);
    await company.close();
  }
}

/** An administrator connects the company's provider. */
async function connect({ auth, authUrl }: ConsoleStage, company: CompanyProvider): Promise<ScimClient> {
  const { client_id, client_secret } = COMPANY_CLIENT;
  const mapping = { role_mapping: [{ value: GROUP, role: "analyst" }] };
  await auth.call("PUT", "/v1/identity-provider", {
    body: { issuer: company.url, client_id, client_secret, ...mapping },
  });
  const answer = await auth.call("POST", "/v1/identity-provider/scim-token");
  return new ScimClient(authUrl, z.object({ token: z.string() }).parse(answer).token);
}

/** @returns the SCIM ID */
async function addAnalyst(company: CompanyProvider, scim: ScimClient, subject: string): Promise<string> {
  const email = `${subject}@acme.example`;
  company.accounts.set(subject, { name: "Lea Leaver", preferred_username: email, groups: [] });
  company.user = subject;
  const added = await scim.addUser({ userName: email, externalId: subject, displayName: "Lea Leaver", active: true });
  if (added.status !== 201) throw new Error(`The user was not added: ${added.body.detail}`);
  const group = await scim.addGroup({ displayName: GROUP, members: [{ value: added.body.id }] });
  if (group.status !== 201) throw new Error(`The group was not added: ${group.body.detail}`);
  return added.body.id;
}

/** @returns the terminal of its payments */
async function openCase({ client }: ConsoleStage): Promise<string> {
  const terminalId = `t-${randomUUID().slice(0, 8)}`;
  const payment = buildPayment({ cardNumber: randomCardNumber(), terminalId, amountMinor: LARGE_MINOR });
  await client.send(payment, DECISION_WAIT_SECONDS);
  return terminalId;
}

async function showCase(page: Page, terminalId: string): Promise<void> {
  await openScreen(page, "Queue");
  const search = page.getByRole("searchbox");
  await search.fill(terminalId);
  await page.getByRole("status").getByText("1 case", { exact: true }).waitFor();
  await search.press("Escape");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "What moved the score" }).waitFor();
}

async function takeCase(page: Page, terminalId: string): Promise<void> {
  await showCase(page, terminalId);
  await page.keyboard.press("a");
  await page.getByText("Assignee Lea Leaver").waitFor();
}

interface Leaver {
  readonly page: Page;
  readonly id: string;
}

/** The company deactivates the user as Entra ID does. */
async function leave(stage: ConsoleStage, scim: ScimClient, { page, id }: Leaver): Promise<void> {
  const { refusedMsMax = REFUSED_MS_MAX } = stage;
  const startedMs = performance.now();
  const { status } = await scim.patch(`/Users/${id}`, { op: "Replace", path: "active", value: "False" });
  if (status !== 200) throw new Error(`The company could not deactivate the user: ${status}.`);
  while ((await page.request.get("/api/people/names")).status() !== UNAUTHENTICATED) {
    if (performance.now() - startedMs > refusedMsMax) {
      throw new Error(`The console still accepts the user ${refusedMsMax} ms later.`);
    }
    await page.waitForTimeout(LOOK_MS);
  }
  const refusedMs = Math.round(performance.now() - startedMs);
  await menuLink(page, "Lists").click();
  await page.getByText("Your session has ended").waitFor();
  stage.print(
    `The company deactivated the account. The console refused her after ${refusedMs} ms, in the middle of the case.`,
  );
}

async function findReleased(page: Page, terminalId: string): Promise<void> {
  await showCase(page, terminalId);
  await comesTrue("The case is still assigned.", async () => {
    await page.reload();
    await page.getByRole("heading", { name: "What moved the score" }).waitFor();
    return page.getByText("Assignee Unassigned").isVisible();
  });
  await page.getByText("The account of Lea Leaver was disabled: unassigned.").first().waitFor();
}
