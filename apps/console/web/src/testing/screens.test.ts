import type { Page } from "playwright-core";
import { Refusal } from "./fixture-request.js";
import { makeSession } from "./fixture-session.js";
import { findViolations } from "./open-browser.js";
import { SCREENS } from "./screens.js";
import { useConsole } from "./use-console.js";

const CASES = 400;
const WIDE_PX = 1280;
const NARROW_PX = 390;
const HEIGHT_PX = 800;
const LOOKS_MAX = 40;
const LOOK_MS = 50;
const TEST_MS_MAX = 240_000;

const openConsole = useConsole({ cases: CASES });

const isTooWide = (page: Page): Promise<boolean> =>
  page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth");

/** Whether the page is still too wide after zooming, which reduces the viewport. */
async function isTooWideZoomed(page: Page, factor: number): Promise<boolean> {
  const width = page.viewportSize()?.width ?? WIDE_PX;
  await page.setViewportSize({ width: width / factor, height: HEIGHT_PX / factor });
  try {
    // Charts adapt to a new width a moment later.
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      if (!(await isTooWide(page))) return false;
      await page.waitForTimeout(LOOK_MS);
    }
    return true;
  } finally {
    await page.setViewportSize({ width, height: HEIGHT_PX });
  }
}

describe("every screen", () => {
  test.each([
    ["light, 1280 px, also at 200 % zoom", { theme: "light", width: WIDE_PX }, 2],
    ["dark, 390 px", { theme: "dark", width: NARROW_PX }, 1],
  ] as const)(
    "meets WCAG 2.2 AA, complies with the content security policy, and fits the window: %s",
    async (_, look, zoom) => {
      const { page, faults } = await openConsole(look);
      const found: Record<string, readonly string[]> = {};
      for (const { name, path, ready } of SCREENS) {
        await page.goto(path);
        await ready(page);
        const violations = [...(await findViolations(page)), ...((await isTooWide(page)) ? ["too wide"] : [])];
        if (zoom > 1 && (await isTooWideZoomed(page, zoom))) violations.push("too wide at 200 % zoom");
        if (violations.length > 0) found[name] = violations;
      }
      expect(found).toEqual({});
      expect(faults).toEqual([]);
    },
    TEST_MS_MAX,
  );

  test("has its menu behind a button at 200 % zoom", async () => {
    const { page } = await openConsole({ zoom: 2 });
    await page.goto("/queue");
    await page.getByRole("button", { name: "Menu" }).click();
    await page.getByRole("link", { name: "Health" }).click();
    await page.getByRole("heading", { name: "Health", level: 1 }).waitFor();
  });

  test("reports on the screen that the backend is unavailable, and shows the data when it is available again", async () => {
    const { page, fixture } = await openConsole();
    fixture.failing.set("/api/health", new Refusal(403, "scope-missing", "Your token lacks decisions:read."));
    await page.goto("/system");
    await page.getByRole("alert").getByText("Your token lacks decisions:read.").first().waitFor();
    fixture.failing.clear();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("cell", { name: "ingestion" }).waitFor();
  });
});

describe("roles", () => {
  test("determine the screens in the menu and the available actions", async () => {
    const { page, fixture } = await openConsole();
    fixture.session = makeSession(Date.now(), ["decisions:read", "cases:read"]);
    await page.goto("/");
    await page.getByRole("link", { name: /ct_/ }).first().click();
    await page.getByRole("heading", { name: "Why" }).waitFor();
    expect(await page.getByRole("navigation", { name: "Screens" }).getByRole("link").allTextContents()).toEqual([
      "Live",
      "Queue",
      "Reports",
      "Look up",
      "Health",
    ]);
    expect(await page.getByRole("toolbar").count()).toBe(0);
    expect(await page.getByLabel("New note").count()).toBe(0);
    await page.goto("/audit");
    await page.getByText("Your roles do not give you access to this screen").waitFor();
    expect(fixture.asked.filter((asked) => asked.includes("audit"))).toEqual([]);
  });

  test("redirects a user without a session to the sign-in, and back to the same page", async () => {
    const { page, fixture } = await openConsole();
    fixture.session = undefined;
    await page.goto("/cases/20000");
    const link = page.getByRole("link", { name: "Sign in" });
    await link.waitFor();
    expect(await findViolations(page)).toEqual([]);
    fixture.session = makeSession(Date.now());
    await link.click();
    await page.getByRole("heading", { name: "Case 20000" }).waitFor();
  });
});
