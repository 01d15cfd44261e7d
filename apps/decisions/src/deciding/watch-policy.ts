import type { Policy } from "@tripline/decision-engine/policy";
import type { PolicyTerms } from "./parse-active-policy.js";
import { parseActivePolicy } from "./parse-active-policy.js";
import type { FileWatch, FileWatchOptions } from "./watch-file.js";
import { watchFile } from "./watch-file.js";

export type PolicyWatchOptions = Omit<FileWatchOptions<Policy>, "what" | "parse"> & PolicyTerms;

/** The current policy from the file, which is watched for changes. */
export type PolicyWatch = FileWatch<Policy>;

/**
 * Accepts a file even if its rules may cost too much, because a restart after an upgrade must not fail. The rule is
 * skipped for payments on which it costs too much.
 *
 * @throws TriplineError `policy-invalid` for an invalid file, `config-invalid` for an unreadable one
 */
export function watchPolicy(options: PolicyWatchOptions): Promise<PolicyWatch> {
  return watchFile({ ...options, what: "policy", parse: (text, name) => parseActivePolicy(text, options, name) });
}
