import type { Route } from "@tripline/http/describe-routes";
import type { z } from "zod";

/** A route that requires a scope. */
export interface ControlRoute extends Route {
  readonly scope: string;
  readonly query?: z.ZodObject;
}
