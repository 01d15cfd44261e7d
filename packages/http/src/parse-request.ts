import type { z } from "zod";
import { describeIssues } from "./describe-issues.js";

/** @throws TriplineError `invalid-field` with one entry per fault */
export function parseRequest<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw describeIssues(result.error.issues, body, schema);
}
