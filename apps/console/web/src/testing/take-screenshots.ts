import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { openPage } from "./open-browser.js";
import { SCREENS } from "./screens.js";

const WIDTHS_PX = [1280, 390];
const HEIGHT_PX = 860;
/** Not the full page, because a dialog is in the middle of the window. */
const DIALOGS = ["verdict", "person", "endpoint", "return", "report", "match"];

/** Takes screenshots of every screen in both themes, wide and narrow, such as `queue-light-1280.png`. */
export async function takeScreenshots(browser: Browser, baseURL: string, folder: string, only = ""): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const taken: string[] = [];
  for (const theme of ["light", "dark"] as const) {
    for (const width of WIDTHS_PX) {
      const { page, context } = await openPage(browser, { baseURL, theme, width, height: HEIGHT_PX });
      for (const { name, path, ready } of SCREENS.filter((screen) => screen.name.includes(only))) {
        await page.goto(path);
        await ready(page);
        const file = join(folder, `${name}-${theme}-${width}.png`);
        await page.screenshot({ path: file, fullPage: !DIALOGS.includes(name) });
        taken.push(file);
      }
      await context.close();
    }
  }
  return taken;
}
