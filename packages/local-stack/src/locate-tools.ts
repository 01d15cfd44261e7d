import { fileURLToPath } from "node:url";

/** The repository's root: this file is compiled to packages/local-stack/dist. */
export const REPOSITORY_ROOT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

/** What the scripts of this package come with. */
export const PACKAGE_ROOT = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** For Java: in another locale it turns what is not ASCII in the name of its own folder into question marks. */
export const JAVA_ENVIRONMENT = { LC_ALL: "C.UTF-8" };

/** Where downloaded tools of the repository at `root` live. */
export function toolsFolder(root: string): string {
  return `${root}/.tripline/tools`;
}

/** Where the logs of installing them go. */
export function logsFolder(root: string): string {
  return `${root}/.tripline/logs`;
}
