import type { Page } from "playwright-core";
import { Refusal } from "./fixture-request.js";
import type { FixtureServer } from "./fixture-server.js";
import { makeSession } from "./fixture-session.js";
import type { OpenConsole } from "./use-console.js";
import { useConsole } from "./use-console.js";

const openConsole = useConsole({ cases: 1 });

const editorOf = (page: Page) => page.getByRole("textbox", { name: "Policy text" });
const saveDraft = (page: Page) => page.getByRole("button", { name: "Save draft" });
const kept = (page: Page): Promise<string> => page.evaluate("JSON.stringify({ ...sessionStorage })");

/** Delays responses to changes at an address until it is released. */
async function holdSaves(page: Page, address: string): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await page.route(address, async (route) => {
    if (route.request().method() !== "GET") await promise;
    await route.continue();
  });
  return resolve;
}

async function openDraft(page: Page): Promise<void> {
  await page.goto("/policy/drafts/night");
  await page.getByText("Valid. All examples pass.").waitFor();
}

async function typeAtEnd(page: Page, typed: string): Promise<void> {
  await editorOf(page).focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(typed);
  await page.getByText("Unsaved. Kept in this tab.").waitFor();
}

/** A colleague saves a version of the draft. */
function saveElsewhere({ api }: OpenConsole, typed: string): string {
  const [before] = api.control.drafts;
  if (before === undefined) throw new Error("There is no draft.");
  const after = { ...before, version: before.version + 1, author: "lin", text: `${before.text}${typed}` };
  api.control.drafts = [after];
  return after.text;
}

const nightOf = ({ api }: OpenConsole) => api.control.drafts.find(({ name }) => name === "night");

test("keeps text typed while a draft is being saved, and saves it on top of the new version", async () => {
  const console = await openConsole();
  const { page } = console;
  await openDraft(page);
  await typeAtEnd(page, "\n# one");
  const letGo = await holdSaves(page, "**/policy/drafts/night");
  await saveDraft(page).click();
  await editorOf(page).focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(" two");
  letGo();
  await page.locator("button:enabled", { hasText: "Save draft" }).waitFor();
  expect(nightOf(console)).toMatchObject({ version: 5, text: expect.stringMatching(/# one$/) });
  expect(await page.getByText("Saved, version 5.").count()).toBe(0);
  expect(await page.getByText("This draft has changed").count()).toBe(0);
  expect(await kept(page)).toContain("# one two");
  await saveDraft(page).click();
  await page.getByText("Saved, version 6.").waitFor();
  expect(nightOf(console)?.text).toMatch(/# one two$/);
  expect(await kept(page)).not.toContain("# one");
});

test("regression #32: a new draft starts from the active revision, and authors are shown by name", async () => {
  const { page } = await openConsole();
  await page.goto("/policy");
  await page.getByText("Based on revision 2.").waitFor();
  await page.getByRole("table", { name: "Revisions" }).getByRole("cell", { name: "Ada Osei" }).first().waitFor();
  await page.getByLabel("Draft name").fill("fresh");
  const based = page.waitForRequest(/\/policy\/revisions\/2$/);
  await page.getByRole("button", { name: "Create draft" }).click();
  await based;
  await editorOf(page).waitFor();
});

test("regression #24: completions do not cover the buttons, and comments have none", async () => {
  const { page } = await openConsole();
  await openDraft(page);
  await typeAtEnd(page, "\n# mine");
  await page.getByText("Valid. All examples pass.").waitFor();
  expect(await page.getByRole("option").count()).toBe(0);
  await page.keyboard.type("\n  - id: mine\n    when: card_rat");
  await page.getByRole("option", { name: /card_ratio_30d/ }).waitFor();
  const [list, button] = await Promise.all([page.getByRole("listbox").boundingBox(), saveDraft(page).boundingBox()]);
  expect((list?.y ?? 0) + (list?.height ?? 0)).toBeLessThanOrEqual(button?.y ?? 0);
});

test("keeps a note that is started while the previous one is being saved", async () => {
  const { page } = await openConsole();
  await page.goto("/cases/20000");
  const note = page.getByLabel("New note");
  await note.fill("The first");
  const letGo = await holdSaves(page, "**/notes");
  await page.getByRole("button", { name: "Add note" }).click();
  await note.fill("The second");
  letGo();
  await page.getByRole("listitem").getByText("The first").waitFor();
  await page.locator("button:enabled", { hasText: "Add note" }).waitFor();
  expect(await note.inputValue()).toBe("The second");
});

describe("a draft that a colleague has saved", () => {
  test("is shown next to the user's text after a reload, and replaces the text only if the user chooses to", async () => {
    const console = await openConsole();
    const { page, faults } = console;
    await openDraft(page);
    await typeAtEnd(page, "\n# mine");
    const theirs = saveElsewhere(console, "\n# theirs");
    await page.reload();
    const region = page.getByRole("region", { name: "This draft has changed" });
    await region.getByText(/^lin saved version 5 at .* Your text is based on version 4 and is not saved\.$/).waitFor();
    await region.getByText("# theirs").waitFor();
    await region.getByText("# mine").waitFor();
    expect(await saveDraft(page).isDisabled()).toBe(true);
    expect(nightOf(console)?.text).toBe(theirs);
    await region.getByRole("button", { name: "Keep and save mine" }).click();
    await page.getByText("Saved, version 6.").waitFor();
    await region.waitFor({ state: "detached" });
    expect(nightOf(console)?.text).toMatch(/# mine$/);
    expect(faults).toEqual([]);
  });

  test("cannot be overwritten, is then shown next to the user's text, and can be accepted", async () => {
    const console = await openConsole();
    const { page } = console;
    await openDraft(page);
    await typeAtEnd(page, "\n# mine");
    const theirs = saveElsewhere(console, "\n# theirs");
    await saveDraft(page).click();
    await page.getByRole("button", { name: "Load latest version" }).click();
    const region = page.getByRole("region", { name: "This draft has changed" });
    await region.getByText("# theirs").waitFor();
    await region.getByRole("button", { name: "Discard mine and use version 5" }).click();
    await editorOf(page).getByText("# theirs").waitFor();
    expect(await editorOf(page).getByText("# mine").count()).toBe(0);
    expect(await kept(page)).not.toContain("# mine");
    await typeAtEnd(page, " and mine");
    await saveDraft(page).click();
    await page.getByText("Saved, version 6.").waitFor();
    expect(nightOf(console)?.text).toBe(`${theirs} and mine`);
  });
});

describe("typed text", () => {
  const typeNote = async (page: Page): Promise<void> => {
    await page.goto("/cases/20000");
    await page.getByLabel("New note").fill("Half a thought");
    expect(await kept(page)).toContain("Half a thought");
  };
  const sawNothing = async (page: Page): Promise<void> => {
    await page.goto("/cases/20000");
    expect(await page.getByLabel("New note").inputValue()).toBe("");
    expect(await kept(page)).not.toContain("Half a thought");
  };
  const other = (fixture: FixtureServer, change: object): void => {
    fixture.session = { ...makeSession(Date.now()), ...change };
  };

  test.each([
    ["person", { person: { id: "person-lin", name: "Lin Zhao" } }],
    ["tenant", { tenant: "other" }],
  ])("is not shown to another %s who signs in in the same tab", async (_, change) => {
    const { page, fixture } = await openConsole();
    await typeNote(page);
    other(fixture, change);
    await sawNothing(page);
  });

  test("is deleted on signing out, even if the session had already ended", async () => {
    const { page, fixture } = await openConsole();
    await typeNote(page);
    const { session } = fixture;
    fixture.failing.set("/session/sign-out", new Refusal(503, "database-unavailable", "The database is unavailable."));
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("alert").waitFor();
    expect(await kept(page)).toContain("Half a thought");
    fixture.failing.clear();
    fixture.session = undefined;
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL((url) => url.pathname === "/");
    await page.getByRole("link", { name: "Sign in" }).waitFor();
    fixture.session = session;
    await sawNothing(page);
  });
});
