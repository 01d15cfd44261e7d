import type { Policy } from "@tripline/decision-engine/policy";
import type { PolicyTerms } from "./parse-active-policy.js";
import { parseActivePolicy } from "./parse-active-policy.js";
import type { FileWatch, FileWatchOptions } from "./watch-file.js";
import { watchFile } from "./watch-file.js";

export type PolicyWatchOptions = Omit<FileWatchOptions<Policy>, "what" | "parse"> & PolicyTerms;

/** The current policy of the file, which is watched for changes. */
export type PolicyWatch = FileWatch<Policy>;

/**
 * Accepts a file whose rules may cost too much, as a restart after an upgrade must. Such a rule is skipped for payments
 * on which it costs too much.
 *
 * @throws TriplineError `policy-invalid` for an invalid file, `config-invalid` for an unreadable one
 */
export function watchPolicy(options: PolicyWatchOptions): Promise<PolicyWatch> {
  return watchFile({ ...options, what: "policy", parse: (text, name) => parseActivePolicy(text, options, name) });
}
