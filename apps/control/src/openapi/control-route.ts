import type { Route } from "@tripline/http/describe-routes";
import type { z } from "zod";

/** A request that the API answers, for somebody. */
export interface ControlRoute extends Route {
  readonly scope: string;
  readonly query?: z.ZodObject;
}
