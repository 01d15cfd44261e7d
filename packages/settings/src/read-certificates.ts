import { readFileSync } from "node:fs";
import { TriplineError } from "@tripline/contracts/error-table";

/**
 * Reads the PEM file at the path in a variable.
 *
 * @throws TriplineError `config-invalid` if the file is unreadable or has no such PEM block
 */
export function readPem(variable: string, path: string, kind: "CERTIFICATE" | "PRIVATE KEY"): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const detail = `The file ${path} in ${variable} cannot be read. Is it mounted and readable by this user?`;
    throw new TriplineError("config-invalid", detail, [], { cause: error });
  }
  if (!new RegExp(`-----BEGIN [A-Z ]*${kind}-----`).test(text)) {
    throw new TriplineError("config-invalid", `The file ${path} in ${variable} contains no ${kind} in PEM format.`);
  }
  return text;
}
