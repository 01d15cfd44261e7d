import type { ErrorCode } from "@tripline/contracts/error-table";
import type { Route } from "@tripline/http/describe-routes";
import { z } from "zod";
import type { Permission } from "../contract/session.js";

/** A request from the page by a signed-in user. */
export interface ConsoleRoute extends Route {
  readonly scope: Permission | "signed-in";
}

/**
 * Only the page reads these responses, with the types in `apps/console/src/contract`, so the document only names them.
 */
export const shown = (name: string) =>
  z.looseObject({}).meta({ id: name, description: `\`${name}\` of apps/console/src/contract.` });
export const listOf = (name: string) =>
  z.array(z.looseObject({})).meta({ id: `${name}s`, description: `${name}, each.` });

export const FILE = z.string().meta({ id: "File" });
/** The parameter of a path with an ID. */
export const WITH_ID = z.object({ id: z.string() });
export const NOT_FOUND: readonly ErrorCode[] = ["not-found"];
