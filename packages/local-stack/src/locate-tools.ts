import { fileURLToPath } from "node:url";

/** The repository's root: this file is compiled to packages/local-stack/dist. */
export const REPOSITORY_ROOT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

/** Files of this package's scripts. */
export const PACKAGE_ROOT = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** For Java: in another locale it replaces non-ASCII characters in its folder's name by question marks. */
export const JAVA_ENVIRONMENT = { LC_ALL: "C.UTF-8" };

/** Where downloaded tools of the repository at `root` live. */
export function toolsFolder(root: string): string {
  return `${root}/.tripline/tools`;
}

/** Where the logs of installing them go. */
export function logsFolder(root: string): string {
  return `${root}/.tripline/logs`;
}
