import type { ReceivedMessage } from "@tripline/control/testing/test-receiver";
import { startReceiver } from "@tripline/control/testing/test-receiver";
import type { Page } from "playwright-core";
import { Webhook } from "standardwebhooks";
import type { ConsoleStage } from "./console-stage.js";
import { comesTrue, inBrowser, openScreen, signIn } from "./console-stage.js";

const UNAVAILABLE = 503;
const CARD = `ct_${"5e".repeat(16)}`;

/**
 * An administrator adds an endpoint on this machine, whose server verifies messages with an off-the-shelf library. An
 * event that the server rejects is retried automatically, and sent once more from the delivery log.
 *
 * @throws Error with one sentence that names the failed step
 */
export async function webhooksJourney(stage: ConsoleStage): Promise<void> {
  const receiver = await startReceiver();
  const isThere = (sentence: string, count: number) =>
    comesTrue(sentence, async () => receiver.messages.length >= count);
  try {
    await inBrowser(stage, 1, async (page) => {
      if (page === undefined) throw new Error("There is no browser.");
      await signIn(page, "demo", stage.passwords.demo);
      const webhook = new Webhook(await addEndpoint(page, receiver.url));
      const verify = ({ body, headers }: ReceivedMessage): unknown => webhook.verify(body, headers);

      await page.getByRole("button", { name: `Change ${receiver.url}` }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Send test event" }).click();
      await isThere("The test event did not arrive.", 1);
      for (const message of receiver.messages) verify(message);
      await page.keyboard.press("Escape");
      await page.getByRole("cell", { name: "webhook.test" }).first().waitFor();
      stage.print("An endpoint was added with a secret that is shown once; a stock library verified its test event.");

      receiver.answer((response) => response.writeHead(UNAVAILABLE).end());
      await addListEntry(page);
      await isThere("The event about the list change did not arrive.", 2);
      receiver.answer((response) => response.writeHead(204).end());
      await isThere("The event that the server rejected was not sent again.", 3);
      const [, rejected, accepted] = receiver.messages;
      if (rejected === undefined || accepted === undefined || rejected.id !== accepted.id) {
        throw new Error("The event was sent again with a different ID.");
      }
      verify(accepted);
      if (accepted.body.includes(CARD)) throw new Error("The event contains the card's token.");
      await page.goto("/webhooks");
      const log = page.getByRole("region", { name: "Delivery log" }).first();
      const row = log.getByRole("row", { name: /list\.changed/ }).first();
      await row.getByText("Delivered").waitFor();
      await row.getByText("2 attempts, status 204").waitFor();
      await stage.picture?.("webhooks", page);
      stage.print(
        "The server rejected a list change with 503 and accepted the next attempt, as the delivery log shows.",
      );

      await row.getByRole("button", { name: /^Send again: evt_/ }).click();
      await isThere("The event was not replayed.", 4);
      if (receiver.messages[3]?.id !== accepted.id) throw new Error("The replayed event has a different ID.");
      stage.print("The event was sent again from the delivery log and arrived with the same ID.");
      await page.getByRole("button", { name: `Change ${receiver.url}` }).click();
      await page.getByRole("radio", { name: "Remove" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
      await page.getByRole("dialog").getByRole("status").waitFor();
    });
  } finally {
    await receiver.kill();
  }
}

/** @returns the endpoint's secret */
async function addEndpoint(page: Page, url: string): Promise<string> {
  await openScreen(page, "Webhooks");
  await page.getByRole("button", { name: "Add endpoint" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("URL").fill(url);
  await dialog.getByLabel("Description").fill("Receiver on this machine");
  // Subscribes only to list.changed, because other traffic does not change lists.
  const chosen = dialog.getByRole("checkbox", { checked: true });
  while ((await chosen.count()) > 0) await chosen.first().uncheck();
  await dialog.getByRole("checkbox", { name: "list.changed" }).check();
  await dialog.getByRole("button", { name: "Add endpoint" }).click();
  const secret = await dialog.locator("output").textContent();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  return secret ?? "";
}

async function addListEntry(page: Page): Promise<void> {
  await page.goto("/lists");
  await page.getByRole("button", { name: "Add entry" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("List", { exact: true }).selectOption("watch");
  await dialog.getByLabel("Value").fill(CARD);
  await dialog.getByLabel("Reason").fill("Journey: webhooks");
  await dialog.getByRole("button", { name: "Add entry" }).click();
  await dialog.waitFor({ state: "detached" });
}
