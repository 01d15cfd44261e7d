import { ROWS_PER_CALL_MAX } from "@tripline/contracts/inference/inference-limits";
import { scoringConfig } from "../config.js";
import { ROWS_EXPLAINED_MAX } from "../inference/request-batcher.js";
import { EXECUTION_PROVIDERS, rowsPerRunOf } from "./execution-providers.js";

test("by default, every provider accepts as many rows as the decisions service sends in one call", () => {
  for (const provider of EXECUTION_PROVIDERS) expect(rowsPerRunOf(provider)).toBeGreaterThanOrEqual(ROWS_PER_CALL_MAX);
  expect(ROWS_EXPLAINED_MAX).toBeGreaterThanOrEqual(ROWS_PER_CALL_MAX);
  expect(scoringConfig.shape.ROWS_QUEUED_MAX.parse(undefined)).toBeGreaterThanOrEqual(ROWS_PER_CALL_MAX);
});
