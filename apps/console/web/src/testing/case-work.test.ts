import { setTimeout as delay } from "node:timers/promises";
import type { Locator, Page } from "playwright-core";
import { Refusal } from "./fixture-request.js";
import { changes } from "./fixture-server.js";
import { makeSession } from "./fixture-session.js";
import { ACTION_MS_MAX } from "./open-browser.js";
import { useConsole } from "./use-console.js";

const CASES = 3_000;
const MARKUP = `"><img src=x onerror="document.title='run'"><script>document.title='run'</script>`;

const openConsole = useConsole({ cases: CASES });

const TABS_MAX = 20;
/** Longer than any test waits, so that no hold ends on its own. */
const HOLD_MS = 600_000;

/** Presses Tab until the element has the focus. */
async function tabTo(page: Page, wanted: Locator): Promise<void> {
  for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`not reached within ${TABS_MAX} tabs: ${String(wanted)}`);
}

const SOON_MS = ACTION_MS_MAX;
const LOOK_MS = 50;

/** The page shows some elements a moment later than others. */
async function expectSoon<T>(look: () => Promise<T>, wanted: T): Promise<void> {
  const endMs = performance.now() + SOON_MS;
  while ((await look()) !== wanted && performance.now() < endMs) await delay(LOOK_MS);
  expect(await look()).toBe(wanted);
}

test("takes a case from the queue to its verdict and on to the next one with the keyboard alone", async () => {
  const { page, api, faults } = await openConsole();
  await page.goto("/queue");
  await page.getByRole("row").nth(3).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  const third = await page.getByRole("row").nth(3).getByRole("link").getAttribute("href");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "What moved the score" }).waitFor();
  expect(new URL(page.url()).pathname).toBe(third);
  await page.keyboard.press("a");
  await page.getByText("Assignee Demo Person").waitFor();
  await page.keyboard.press("c");
  await page.keyboard.type("The customer called: it was not her. fgnx stay letters here.");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("listitem").getByText("The customer called").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("f");
  await page.getByRole("dialog", { name: "Close as fraud" }).waitFor();
  // Neither the key that opened the dialog nor Enter chooses a reason.
  await page.keyboard.press("Enter");
  expect(await page.getByRole("radio", { checked: true }).count()).toBe(0);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await tabTo(page, page.getByRole("button", { name: "Label as fraud" }));
  await page.keyboard.press("Enter");
  const id = third?.split("/").at(-1) ?? "";
  await page.waitForURL((url) => url.pathname.startsWith("/cases/") && url.pathname !== third);
  expect(api.detail(id)).toMatchObject({ status: "closed", verdict: "fraud", assignee: { id: "demo" } });
  expect(faults).toEqual([]);
});

test("the tour of the first case works with the keyboard and is shown to a user only once", async () => {
  const { page } = await openConsole();
  await page.goto("/cases/20000");
  const hints = page.getByRole("region", { name: "Your first case" });
  await hints.getByRole("button", { name: "Show me" }).focus();
  await page.keyboard.press("Enter");
  await hints.getByText(/^1 of 5: The decision comes first/).waitFor();
  expect(await page.locator(".toured").getByRole("heading").first().textContent()).toBe("Why");
  for (let hint = 2; hint <= 5; hint += 1) {
    await hints.getByRole("button", { name: "Next hint" }).press("Enter");
    await hints.getByText(new RegExp(`^${hint} of 5:`)).waitFor();
  }
  // A key keeps its usual effect in the meantime.
  await page.keyboard.press("a");
  await page.getByText("Assignee Demo Person").waitFor();
  await hints.getByRole("button", { name: "Done" }).press("Enter");
  await hints.waitFor({ state: "detached" });
  await page.goto("/cases/19999");
  await page.getByRole("heading", { name: "Why" }).waitFor();
  expect([await hints.count(), await page.locator(".toured").count()]).toEqual([0, 0]);
});

test("rejects a change based on an older revision, keeps the typed text, and saves it after loading the newest revision", async () => {
  const { page, api } = await openConsole();
  await page.goto("/cases/20000");
  await page.getByRole("button", { name: "Genuine" }).click();
  await page.getByLabel("Note", { exact: true }).fill("She confirmed it by phone");
  await page.getByRole("radio", { name: "Customer confirmed" }).check();
  api.change("20000", { assignee: { id: "person-lin", name: "Lin Zhao" } });
  await page.getByRole("button", { name: "Label as genuine" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Lin Zhao assigned the case to herself a moment ago.").waitFor();
  expect(await dialog.getByLabel("Note", { exact: true }).inputValue()).toBe("She confirmed it by phone");
  const loaded = page.waitForResponse((response) => response.url().endsWith("/api/cases/20000"));
  await dialog.getByRole("button", { name: "Load latest version" }).click();
  await loaded;
  await dialog.getByRole("button", { name: "Label as genuine" }).click();
  await expectSoon(async () => api.detail("20000").verdict, "genuine");
});

test("the timeline shows a payment's updates and fraud reports, and any mismatches", async () => {
  const { page } = await openConsole();
  await page.goto("/cases/20000");
  const timeline = page.getByRole("table", { name: "Timeline" });
  await timeline.getByText("Declined by Tripline").waitFor();
  const refund = timeline.getByRole("row").filter({ hasText: "Refunded" });
  expect(await refund.textContent()).toContain("The sum exceeds the payment's amount.");
  expect(await timeline.getByRole("row").filter({ hasText: "Declined by the issuer" }).textContent()).toContain(
    "code 51",
  );
  expect(await timeline.getByRole("row").filter({ hasText: "Chargeback won" }).textContent()).toMatch(
    /dispute-1, version 2, reason 10\.4\. Counts as genuine\. Matched by a user\. Its amount exceeds the payment's amount\./,
  );
});

test("typed text is kept when the session ends", async () => {
  const { page, fixture } = await openConsole();
  await page.goto("/cases/20000");
  await page.getByLabel("New note").fill("Half a thou");
  const session = fixture.session;
  fixture.session = undefined;
  await page.getByRole("button", { name: "Add note" }).click();
  const again = page.getByRole("alert").getByRole("link", { name: "Sign in" });
  await again.waitFor();
  fixture.session = session;
  await again.click();
  await page.getByRole("heading", { name: "Case 20000" }).waitFor();
  expect(await page.getByLabel("New note").inputValue()).toBe("Half a thou");
  await page.getByRole("button", { name: "Add note" }).click();
  await page.getByRole("listitem").getByText("Half a thou").waitFor();
  await expectSoon(() => page.getByLabel("New note").inputValue(), "");
});

test("a verdict above the amount limit waits for a second user, who confirms it", async () => {
  const { page, api } = await openConsole();
  const pendingVerdict = {
    verdict: "fraud",
    reason: "stolen-card",
    by: { id: "lin", name: "Lin" },
    atMs: Date.now(),
  } as const;
  api.change("20000", { pendingVerdict });
  await page.goto("/cases/20000");
  const pending = page.getByRole("region", { name: "Close as fraud" });
  await pending.getByText(/Lin requested "Fraud" \(Card lost or stolen\)/).waitFor();
  expect(await page.getByRole("toolbar").getByRole("button", { name: "Fraud" }).count()).toBe(0);
  await pending.getByRole("button", { name: "Confirm" }).click();
  await expectSoon(async () => api.detail("20000").verdict, "fraud");
});

test("regression #32: during the hold, a case offers Undo instead of Reopen, and Undo ends with the hold", async () => {
  const { page, api } = await openConsole();
  const changedAtMs = Date.now();
  api.change("20000", { status: "closed", verdict: "fraud", changedAtMs, undoUntilMs: changedAtMs + HOLD_MS });
  await page.clock.install();
  await page.goto("/cases/20000");
  const actions = page.getByRole("toolbar", { name: "Case actions" });
  await actions.getByRole("button", { name: "Undo" }).waitFor();
  expect(await actions.getByRole("button", { name: "Reopen" }).count()).toBe(0);
  await page.clock.fastForward(HOLD_MS);
  await actions.getByRole("button", { name: "Reopen" }).waitFor();
  expect(await actions.getByRole("button", { name: "Undo" }).count()).toBe(0);
});

test("regression #32: after a verdict is undone on its case, it can no longer be undone elsewhere", async () => {
  const { page, api } = await openConsole();
  const changedAtMs = Date.now();
  api.change("20000", { changedAtMs, undoUntilMs: changedAtMs + HOLD_MS });
  await page.goto("/cases/20000");
  await page.getByRole("button", { name: "Genuine" }).click();
  await page.getByRole("radio", { name: "Known device" }).check();
  await page.getByRole("button", { name: "Label as genuine" }).click();
  const latest = page.getByRole("region", { name: "Latest verdict" });
  await latest.getByText("Case 20000 closed as genuine.").waitFor();
  await page.waitForURL((url) => !url.pathname.endsWith("/20000"));
  await page.goBack();
  await page.waitForURL("**/cases/20000");
  const actions = page.getByRole("toolbar", { name: "Case actions" });
  await actions.getByRole("button", { name: "Undo" }).click();
  await latest.getByText("Case 20000 closed as genuine.").waitFor({ state: "detached" });
});

test("regression #32: the queue and a case are shown even if an older instance responds", async () => {
  const { page, faults } = await openConsole();
  await page.route(/\/api\/cases(\/20000)?(\?|$)/, async (route) => {
    const response = await route.fetch();
    const newer = new Set(["story", "focusReasons", "undoUntilMs"]);
    const older = JSON.parse(await response.text(), (key, value) => (newer.has(key) ? undefined : value));
    await route.fulfill({ response, json: older });
  });
  await page.goto("/queue");
  await page.getByRole("row").nth(3).waitFor();
  await page.goto("/cases/20000");
  await page.getByRole("heading", { name: "What moved the score" }).waitFor();
  expect(await page.getByRole("toolbar").getByRole("button", { name: "Undo" }).count()).toBe(0);
  expect(faults).toEqual([]);
});

test("the user who requested the verdict cannot confirm it", async () => {
  const { page, api } = await openConsole();
  const by = { id: "demo", name: "Demo Person" };
  api.change("20000", { pendingVerdict: { verdict: "genuine", reason: "known-device", by, atMs: Date.now() } });
  await page.goto("/cases/20000");
  await page.getByText("A colleague must confirm the verdict, or you can withdraw it.").waitFor();
  expect(await page.getByRole("button", { name: "Confirm" }).count()).toBe(0);
});

test("shows personal data after a reason is given, hides it on request, and keeps no copy in the page", async () => {
  const { page, api, fixture } = await openConsole();
  const before = api.detail("20000");
  await page.goto("/cases/20000");
  const card = page.getByRole("region", { name: "Personal data" });
  const open = card.getByRole("button", { name: "Show" });
  await open.waitFor();
  expect(await open.isDisabled()).toBe(true);
  await card.getByLabel("Reason").selectOption("contact-cardholder");
  const sent = page.waitForRequest("**/api/personal/open");
  await open.click();
  expect((await sent).postDataJSON()).toEqual({
    transactionIds: before.decisions.map(({ transactionId }) => transactionId),
    reason: "contact-cardholder",
  });
  await card.getByText("maria.ferreira@example.com").waitFor();
  await card.getByText("1 payment: the cardholder's data was erased.").waitFor();
  await card.getByRole("button", { name: "Hide" }).click();
  await open.waitFor();
  expect(await page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")).not.toContain("maria");
  expect(await page.content()).not.toContain("maria");
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Queue" }).click();
  await page.getByRole("heading", { name: "Queue", level: 1 }).waitFor();
  await page.goBack();
  await open.waitFor();
  expect(changes(fixture)).toEqual(["POST /api/personal/open"]);
});

test("shows no personal data to users who may not see them", async () => {
  const { page, fixture } = await openConsole();
  fixture.session = makeSession(Date.now(), ["decisions:read", "cases:read"]);
  await page.goto("/cases/20000");
  await page.getByRole("heading", { name: "Payment" }).waitFor();
  expect(await page.getByRole("heading", { name: "Personal data" }).count()).toBe(0);
});

test("adds and removes files with the keyboard, and shows why a file was rejected next to the button", async () => {
  const { page, api, fixture, faults } = await openConsole();
  await page.goto("/cases/20000");
  const files = page.getByRole("region", { name: "Files" });
  await files.getByRole("link", { name: /^Receipt of the terminal/ }).waitFor();
  const choose = async (name: string, bytes: number): Promise<void> => {
    const chooser = page.waitForEvent("filechooser");
    await files.getByRole("button", { name: "Add file" }).press("Enter");
    await (await chooser).setFiles({ name, mimeType: "text/plain", buffer: Buffer.alloc(bytes, 65) });
  };
  await choose("large.txt", 1_500_000);
  await files.getByRole("alert").getByText("large.txt is 1.5 MB. The limit is 1 MB.").waitFor();
  expect(changes(fixture)).toEqual([]);
  fixture.failing.set("/attachments", new Refusal(415, "unsupported-media-type", "This is not a file that is taken."));
  await choose("mail.txt", 2_000);
  await files.getByRole("alert").getByText("This is not a file that is taken.").first().waitFor();
  fixture.failing.clear();
  await files.getByRole("button", { name: "Try again" }).press("Enter");
  const link = files.getByRole("link", { name: "mail.txt" });
  expect(await link.getAttribute("href")).toMatch(/^\/api\/cases\/20000\/attachments\/file-1$/);
  expect(api.detail("20000").attachments.at(-1)).toMatchObject({ name: "mail.txt", bytes: 2_000 });
  await files.getByRole("button", { name: "Remove mail.txt" }).press("Enter");
  await page.getByRole("dialog", { name: "Remove mail.txt" }).getByRole("button", { name: "Remove" }).press("Enter");
  await link.waitFor({ state: "detached" });
  fixture.session = makeSession(Date.now(), ["cases:read"]);
  await page.reload();
  await files.getByText("You need permission to view personal data to open these files.").waitFor();
  expect([await files.getByRole("link").count(), await files.getByRole("button").count()]).toEqual([0, 0]);
  expect(faults).toEqual([]);
});

test("marks a model's summary as generated, and shows the template with a note if there is no model", async () => {
  const { page, api, fixture } = await openConsole();
  for (const id of ["20000", "19999"]) api.change(id, { narrativeModel: "nova-lite" });
  await page.goto("/cases/20000");
  const summary = page.getByRole("region", { name: "Summary" });
  await summary.getByText("Generated", { exact: true }).waitFor();
  await summary.getByText("Written by nova-lite from the data in this case. Check it against the case.").waitFor();
  fixture.failing.set("/narrative", new Refusal(503, "database-unavailable", "The database is unavailable."));
  await page.goto("/cases/19999");
  await summary.getByText("From a template: the model could not write a summary.").waitFor();
  expect(await summary.getByText(api.detail("19999").narrative).count()).toBe(1);
  expect(await summary.getByText("Generated", { exact: true }).count()).toBe(0);
});

test("shows markup from payments or users as text", async () => {
  const { page, api, faults } = await openConsole();
  const before = api.detail("20000");
  const { focus } = before;
  const reason = { code: "X", text: MARKUP, outcome: "review" } as const;
  api.change("20000", {
    focus: { ...focus, terminalId: MARKUP, clientTransactionId: MARKUP, reasons: [reason], degradedBecause: MARKUP },
    notes: [{ id: "1", author: { id: "lin", name: MARKUP }, text: MARKUP, atMs: 1 }],
    narrative: MARKUP,
    attachments: before.attachments.map((file) => ({ ...file, name: MARKUP })),
    cardToken: MARKUP,
    reasons: [MARKUP],
    graph: { ...before.graph, nodes: before.graph.nodes.map((node) => ({ ...node, value: MARKUP })) },
  });
  await page.goto("/cases/20000");
  await page.locator(".react-flow__node").first().waitFor();
  expect(await page.getByText(MARKUP, { exact: true }).count()).toBeGreaterThan(3);
  await page.goto("/queue");
  await page.getByRole("row").nth(3).waitFor();
  expect(await page.locator("img[src=x], script:not([src])").count()).toBe(0);
  expect(await page.title()).not.toBe("run");
  expect(faults).toEqual([]);
});

test("single-key shortcuts can be disabled", async () => {
  const { page, fixture } = await openConsole();
  await page.goto("/queue");
  await page.getByRole("row").nth(3).waitFor();
  await page.keyboard.press("?");
  await page.getByLabel("Enable single-key shortcuts").uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("n");
  await page.getByRole("button", { name: "Shortcuts" }).click();
  await page.getByRole("dialog").waitFor();
  expect(changes(fixture)).toEqual([]);
});

test("keeps the text of a policy draft after a failed save, and shows faults while typing", async () => {
  const { page, api, fixture } = await openConsole();
  await page.goto("/policy/drafts/night");
  await page.getByText("Valid. All examples pass.").waitFor();
  await page.getByRole("textbox", { name: "Policy text" }).focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("\n  - id: mine\n    when: card_rat");
  await page.getByRole("option", { name: /card_ratio_30d/ }).click();
  await page.keyboard.type(" >=");
  await page.getByText("1 error", { exact: true }).waitFor();
  // The editor marks the error on its line.
  const marked = page.locator(".cm-line", { has: page.locator(".cm-lintRange-error") });
  await marked.filter({ hasText: "when: card_ratio_30d >=" }).waitFor();
  await expectSoon(() => page.getByRole("button", { name: "Save as revision" }).isDisabled(), true);
  fixture.failing.set("/drafts/night", new Refusal(503, "database-unavailable", "The database is unavailable."));
  await page.getByRole("button", { name: "Save draft" }).click();
  await page.getByRole("alert").getByText("The database is unavailable.").first().waitFor();
  fixture.failing.clear();
  await page.reload();
  await page.getByText("Unsaved. Kept in this tab.").waitFor();
  await page.getByRole("button", { name: "Save draft" }).click();
  await page.getByText("Saved, version 5.").waitFor();
  expect(api.control.drafts[0]?.text).toMatch(/when: card_ratio_30d >=$/);
});

test("keeps text typed while the page renders", async () => {
  const { page } = await openConsole();
  await page.goto("/policy/drafts/night");
  const editor = page.getByRole("textbox", { name: "Policy text" });
  await editor.focus();
  await page.keyboard.press("Control+a");
  const typed =
    "# Each word comes in a task of its own, so that some come between a change of the page and its effects. ".repeat(
      4,
    );
  await page.evaluate(async (text) => {
    const { port1, port2 } = new MessageChannel();
    for (const word of text.split(/(?=\s)/)) {
      const next = new Promise((resolve) => {
        port1.onmessage = resolve;
      });
      port2.postMessage(0);
      await next;
      document.execCommand("insertText", false, word);
    }
  }, typed);
  await page.getByText("Valid. All examples pass.").waitFor();
  expect((await editor.textContent())?.trim()).toBe(typed.trim());
});
