// The tables of docs/settings.md, and the variables that the chart takes in `services.<service>.environment`.

import { archiveConfig } from "../../apps/archive/dist/config.js";
import { authConfig } from "../../apps/auth/dist/config.js";
import { consoleConfig } from "../../apps/console/dist/config.js";
import { controlConfig } from "../../apps/control/dist/config.js";
import { decisionsConfig } from "../../apps/decisions/dist/config.js";
import { AFTER_SCORING_MS, HURRY_MS_MAX } from "../../apps/decisions/dist/scoring/score-budget.js";
import { featuresConfig } from "../../apps/features/dist/config.js";
import { ingestionConfig } from "../../apps/ingestion/dist/config.js";
import { scoringConfig } from "../../apps/scoring/dist/config.js";
import { ROWS_PER_CALL_MAX } from "../../packages/contracts/dist/inference/inference-limits.js";
import { kafkaConfig, postgresConfig, redisConfig } from "../../packages/settings/dist/connection-config.js";
import { serviceConfig, tokenConfig } from "../../packages/settings/dist/read-config.js";
import {
  chartEnvironmentVariables,
  settingRows,
} from "../../packages/system/dist/service-environment/describe-variables.js";
import {
  SERVICE_VARIABLES,
  VARIABLE_GROUPS,
} from "../../packages/system/dist/service-environment/service-variables.js";

const SERVICES = {
  ingestion: ingestionConfig.shape,
  features: featuresConfig.shape,
  scoring: scoringConfig.shape,
  decisions: decisionsConfig.shape,
  auth: authConfig.shape,
  control: controlConfig.shape,
  console: consoleConfig.shape,
  archive: archiveConfig.shape,
};

const GROUPS = {
  service: serviceConfig,
  kafka: kafkaConfig,
  redis: redisConfig,
  tokens: tokenConfig,
  database: postgresConfig,
  controlDatabase: postgresConfig,
  consoleDatabase: postgresConfig,
  registry: {},
};

const COLUMNS = ["variable", "default", "unit", "what it does", "chart value", "in compose.yaml"];

/**
 * @typedef {keyof typeof SERVICES} ServiceName
 * @typedef {keyof typeof GROUPS} GroupName
 */

/**
 * One table per group of variables that services share, and one per service with its own.
 *
 * @param {(head: string[], rows: string[][]) => string} table
 * @returns {Record<string, string>}
 */
export function settingTables(table) {
  const groups = Object.entries(GROUPS).map(([name, shape]) => [
    name,
    table(COLUMNS, settingRows(shape, VARIABLE_GROUPS[/** @type {GroupName} */ (name)])),
  ]);
  const services = Object.entries(SERVICES).map(([name, shape]) => {
    const { groups: shared, own } = SERVICE_VARIABLES[/** @type {ServiceName} */ (name)];
    const elsewhere = new Set(shared.flatMap((group) => Object.keys(GROUPS[group])));
    const left = Object.entries(shape).filter(([variable]) => !elsewhere.has(variable));
    return [name, table(COLUMNS, settingRows(Object.fromEntries(left), own))];
  });
  return Object.fromEntries([...groups, ...services]);
}

/**
 * @param {string} text the chart's values.schema.json
 * @returns {string} the same schema, with each service's variables that the chart does not set itself
 */
export function fillValuesSchema(text) {
  const schema = JSON.parse(text);
  for (const [name, shape] of Object.entries(SERVICES)) {
    const variables = chartEnvironmentVariables(/** @type {ServiceName} */ (name), shape);
    schema.properties.services.properties[name].properties.environment.properties = Object.fromEntries(
      variables.map((variable) => [variable, { $ref: "#/$defs/variable" }]),
    );
  }
  return JSON.stringify(schema, null, 2);
}

/** Numbers that the chart validates values against: limits from the code, and defaults for unset values. */
export function chartLimits() {
  const defaultOf = (/** @type {import("zod").ZodType} */ schema) => Number(schema.parse(undefined));
  const { SCORING_WAIT_MS_MAX, DECISION_TTL_HOURS } = decisionsConfig.shape;
  const { DEADLINE_MS_DEFAULT, IDEMPOTENCY_TTL_HOURS } = ingestionConfig.shape;
  return {
    ROWS_PER_CALL_MAX,
    AFTER_SCORING_MS,
    HURRY_MS_MAX,
    SCORING_WAIT_MS_MAX: defaultOf(SCORING_WAIT_MS_MAX),
    DECISION_TTL_HOURS: defaultOf(DECISION_TTL_HOURS),
    DEADLINE_MS_DEFAULT: defaultOf(DEADLINE_MS_DEFAULT),
    IDEMPOTENCY_TTL_HOURS: defaultOf(IDEMPOTENCY_TTL_HOURS),
  };
}
