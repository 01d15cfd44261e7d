import { asTriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { isSubject } from "@tripline/contracts/identifiers";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { readConfig, redisConfig } from "@tripline/settings/read-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { z } from "zod";
import { feastConfig } from "../config.js";
import { exportStates } from "../erasures/export-states.js";
import { openProfileEraser } from "../erasures/profile-eraser.js";

/**
 * Started by `tripline personal export`, because only this service knows the layout of its Redis data. Writes JSON
 * lines.
 */

const exportConfig = z.object({
  ...redisConfig,
  ...feastConfig,
  TENANT: z.string().min(1),
  SUBJECT: z.string().refine(isSubject),
});

try {
  const config = readConfig(exportConfig, process.env);
  const engine = compileEngine(currentFeatureSpec());
  const redis = connectRedis(config);
  try {
    await awaitRedis(redis);
    const rows = openProfileEraser(redis, engine, config);
    for await (const state of exportStates(redis, engine, rows, { tenant: config.TENANT, subject: config.SUBJECT })) {
      process.stdout.write(`${JSON.stringify(state)}\n`);
    }
  } finally {
    redis.disconnect();
  }
} catch (thrown) {
  process.stderr.write(`${asTriplineError(thrown).message}\n`);
  process.exitCode = 1;
}
