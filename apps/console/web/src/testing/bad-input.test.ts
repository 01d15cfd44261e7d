import type { ServerResponse } from "node:http";
import { Refusal } from "./fixture-request.js";
import { makeDecision, seeded } from "./made-up/payments.js";
import { useConsole } from "./use-console.js";

/* Shows background errors in place, without losing input. More such tests: case-work.test.ts, screens.test.ts. */

let streams: ServerResponse[];

/** Sends the same payment to each listener, and then nothing more. */
function stream(response: ServerResponse): void {
  streams.push(response);
  const decision = makeDecision(seeded(1), Date.now(), "review");
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`event: decisions\ndata: ${JSON.stringify([decision])}\n\n`);
}

beforeEach(() => {
  streams = [];
});

const openConsole = useConsole({ cases: 20, stream });

test("reports a lost event stream and reconnects, and shows a repeated payment once", async () => {
  const { page, fixture } = await openConsole();
  await page.goto("/live");
  await page.getByRole("status").getByText("Connected").waitFor();
  const card = page.getByRole("link", { name: /^ct_/ });
  await card.waitFor();
  fixture.failing.set("/api/live", new Refusal(503, "database-unavailable", "The database is unavailable."));
  for (const response of streams) response.end();
  await page.getByRole("status").getByText("Connection lost. Reconnecting…").waitFor();
  expect(await card.count()).toBe(1);
  fixture.failing.clear();
  await page.getByRole("status").getByText("Connected").waitFor();
  expect([streams.length, await card.count()]).toEqual([2, 1]);
});

test("keeps a note while the backend is down, and adds it once the backend is available", async () => {
  const { page } = await openConsole();
  await page.goto("/cases/20000");
  const note = page.getByLabel("New note");
  await note.fill("She never got the card");
  await page.route("**/notes", (route) => route.abort("connectionrefused"));
  await page.getByRole("button", { name: "Add note" }).click();
  await page.getByRole("alert").getByText("The console is not responding").waitFor();
  expect(await note.inputValue()).toBe("She never got the card");
  await page.unroute("**/notes");
  await page.getByRole("button", { name: "Add note" }).click();
  await page.getByRole("listitem").getByText("She never got the card").waitFor();
});

test("rejects a verdict on a case that a colleague has closed, and keeps the typed text", async () => {
  const { page, api } = await openConsole();
  await page.goto("/cases/20000");
  await page.getByRole("button", { name: "Genuine" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Note", { exact: true }).fill("She confirmed it by phone");
  await dialog.getByRole("radio", { name: "Customer confirmed" }).check();
  api.change("20000", { status: "closed", verdict: "fraud" });
  await dialog.getByRole("button", { name: "Label as genuine" }).click();
  await dialog.getByRole("alert").getByText("Somebody was faster").waitFor();
  expect(await dialog.getByLabel("Note", { exact: true }).inputValue()).toBe("She confirmed it by phone");
  expect(api.detail("20000")).toMatchObject({ status: "closed", verdict: "fraud" });
});

test("does not overwrite a draft that a colleague has saved, and keeps the user's text", async () => {
  const { page, api } = await openConsole();
  await page.goto("/policy/drafts/night");
  await page.getByText("Valid. All examples pass.").waitFor();
  await page.getByRole("textbox", { name: "Policy text" }).focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("\n# mine");
  const [theirs] = api.control.drafts;
  if (theirs === undefined) throw new Error("there is no draft");
  api.control.drafts = [{ ...theirs, version: theirs.version + 1, author: "lin" }];
  await page.getByRole("button", { name: "Save draft" }).click();
  await page.getByRole("alert").getByText("lin saved version 5 of it.").waitFor();
  await page.getByText("# mine").waitFor();
  expect(api.control.drafts[0]?.text).not.toContain("# mine");
});
