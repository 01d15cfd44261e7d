import { fileURLToPath } from "node:url";

/** The repository's root: this file is compiled to packages/local-stack/dist. */
export const REPOSITORY_ROOT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

/** Folder with the files of this package's scripts. */
export const PACKAGE_ROOT = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** For Java: in other locales, it replaces non-ASCII characters in folder names with question marks. */
export const JAVA_ENVIRONMENT = { LC_ALL: "C.UTF-8" };

/** Folder of the downloaded tools for the repository at `root`. */
export function toolsFolder(root: string): string {
  return `${root}/.tripline/tools`;
}

/** Folder of the installation logs. */
export function logsFolder(root: string): string {
  return `${root}/.tripline/logs`;
}
