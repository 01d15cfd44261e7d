import type { Policy } from "@tripline/decision-engine/policy";
import type { PolicyTerms } from "./parse-active-policy.js";
import { parseActivePolicy } from "./parse-active-policy.js";
import type { FileWatch, FileWatchOptions } from "./watch-file.js";
import { watchFile } from "./watch-file.js";

export type PolicyWatchOptions = Omit<FileWatchOptions<Policy>, "what" | "parse"> & PolicyTerms;

/** The policy in force, kept up with its file. */
export type PolicyWatch = FileWatch<Policy>;

/**
 * A file whose rules may cost too much is read all the same, as a restart after an upgrade has to: such a rule is skipped where it
 * does.
 *
 * @throws TriplineError `policy-invalid` for a faulty file, `config-invalid` for one that cannot be read
 */
export function watchPolicy(options: PolicyWatchOptions): Promise<PolicyWatch> {
  return watchFile({ ...options, what: "policy", parse: (text, name) => parseActivePolicy(text, options, name) });
}
