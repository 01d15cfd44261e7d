import type { RepositoryCopy } from "./repository-copy.js";

/** A common change that a section of CONTRIBUTING.md describes. */
export interface Recipe {
  /** Title of the section. */
  readonly section: string;
  /** Manual changes by file. The section names each file. */
  readonly edits: Readonly<Record<string, (text: string) => string>>;
  /** New files with their contents. */
  readonly files?: Readonly<Record<string, string>>;
  /** Checks the copy after the commands of all sections. @throws Error that describes the fault */
  readonly check: (copy: RepositoryCopy) => void;
}

/** Inserts `added` after the first `after`. @throws Error if `text` does not contain `after` */
export function insert(text: string, after: string, added: string): string {
  const at = text.indexOf(after);
  if (at < 0) throw new Error(`There is no ${JSON.stringify(after)}.`);
  return text.slice(0, at + after.length) + added + text.slice(at + after.length);
}

export function expectText(copy: RepositoryCopy, file: string, text: string): void {
  if (!copy.read(file).includes(text)) throw new Error(`${file} lacks ${JSON.stringify(text)}.`);
}

export function expectDone(copy: RepositoryCopy, args: readonly string[]): void {
  const { status, output } = copy.run(process.execPath, args);
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}:\n${output}`);
}

/** Compares the engine with the reference implementation, feature by feature. */
export function expectSameFeatures(copy: RepositoryCopy): void {
  const tests = ["--selectProjects", "unit", "--", "/packages/feature-engine/dist/.*/apply-payment.test.js"];
  expectDone(copy, ["node_modules/jest/bin/jest.js", "--config", "jest.config.js", ...tests]);
}

/** Expects a policy with this rule to be valid and its example to pass. */
export function expectPolicy(copy: RepositoryCopy, when: string, example: string): void {
  const rule = `{ id: mine, when: ${JSON.stringify(when)}, reason: MINE, action: review, text: Mine., examples: [${example}] }`;
  const otherwise = 'default_decision:\n  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }\n';
  copy.write("draft.yaml", `version: "1"\nrules:\n  - ${rule}\n${otherwise}`);
  expectDone(copy, ["apps/cli/dist/main.js", "policy", "check", "draft.yaml"]);
}
