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
    const detail = `${variable} names ${path}, which cannot be read: is it mounted, and may this user read it?`;
    throw new TriplineError("config-invalid", detail, [], { cause: error });
  }
  if (!new RegExp(`-----BEGIN [A-Z ]*${kind}-----`).test(text)) {
    throw new TriplineError("config-invalid", `${variable} names ${path}, which holds no ${kind} in PEM.`);
  }
  return text;
}
