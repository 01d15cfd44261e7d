import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Recipe } from "./recipe.js";
import { insert } from "./recipe.js";

const WEB = "apps/console/web";
const COMPONENT = `import { Screen } from "../app/screen.js";
import { text } from "../texts/en/app.js";

export function Shops() {
  return <Screen title={text.screens.shops}>No shop is closed.</Screen>;
}
`;

/** A screen for users who may see decisions. */
export const SCREEN: Recipe = {
  section: "Add a screen",
  edits: {
    "apps/console/web/src/texts/en/app.ts": (text) => insert(text, '    live: "Live",\n', '    shops: "Shops",\n'),
    "apps/console/web/src/app/screens.ts": (text) =>
      insert(
        text,
        "export const SCREENS = [\n",
        '  { to: "/shops", title: text.screens.shops, needs: "decisions:read" },\n',
      ),
    "apps/console/web/src/app/router.tsx": (text) =>
      insert(
        text,
        '  createRoute({ ...at("/"), component: Home }),\n',
        '  createRoute({ ...at("/shops"), component: lazyRouteComponent(() => import("../shops/shops.js"), "Shops") }),\n',
      ),
    "apps/console/web/src/testing/screens.ts": (text) =>
      insert(
        text,
        "export const SCREENS: readonly ScreenOf[] = [\n",
        '  { name: "shops", path: "/shops", ready: heading("Shops") },\n',
      ),
  },
  files: { "apps/console/web/src/shops/shops.tsx": COMPONENT },
  check(copy) {
    const vite = copy.at(join(WEB, "node_modules/.bin/vite"));
    const { status, output } = copy.run(vite, ["build", "--logLevel=warn"], WEB);
    if (status !== 0) throw new Error(`The page was not built:\n${output}`);
    const scripts = readdirSync(copy.at(join(WEB, "dist/page/assets"))).filter((name) => /^shops-.*\.js$/.test(name));
    if (scripts.length !== 1) throw new Error(`The page has ${scripts.length} scripts for the screen, not one.`);
  },
};
