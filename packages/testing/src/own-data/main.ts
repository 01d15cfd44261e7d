import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FollowedPage } from "../documents/follow-page.js";

/**
 * `npx tripline test your-data`: runs every command of docs/your-data.md, including the one that starts the whole
 * system.
 */
const folder = mkdtempSync(join(tmpdir(), "tripline-your-data-"));
try {
  const page = new FollowedPage(folder);
  for (const [index, words] of page.commands.entries()) {
    process.stdout.write(`\n$ tripline ${words.join(" ")}\n${await page.run(words)}`);
    if (index === 0) page.correctMapping();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
