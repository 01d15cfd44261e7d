// Web pages, which the compiler alone cannot build. turbo builds them in the normal build; here they are rebuilt only if one of
// their files is newer.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Sources of a page, relative to the page's folder. */
const SOURCES = [".", "src", "public", "../src/contract"];

/**
 * Folders of pages with an outdated build, relative to the root.
 *
 * @param {string} root
 * @returns {string[]}
 */
export function stalePages(root) {
  const pages = readdirSync(join(root, "apps")).map((name) => join("apps", name, "web"));
  return pages.filter((page) => existsSync(join(root, page, "index.html")) && isStale(join(root, page)));
}

/** @param {string} page */
function isStale(page) {
  const built = join(page, "dist", "page", "index.html");
  if (!existsSync(built)) return true;
  const builtMs = statSync(built).mtimeMs;
  return SOURCES.map((folder) => join(page, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: folder !== page, encoding: "utf8" }).map((file) => join(folder, file)),
    )
    .some((file) => statSync(file).isFile() && statSync(file).mtimeMs > builtMs);
}
