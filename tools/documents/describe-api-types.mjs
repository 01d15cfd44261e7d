// Types from the services' OpenAPI documents: the whole API for the client, and only responses for the console's page.
import openapiTypes, { astToString } from "openapi-typescript";
import { describeApi as describeAuth } from "../../apps/auth/dist/openapi/describe-api.js";
import { describeApi as describeControl } from "../../apps/control/dist/openapi/describe-api.js";
import { describeApi as describeIngestion } from "../../apps/ingestion/dist/openapi/describe-api.js";

/** Timestamp of the examples; any constant would do. */
const EXAMPLE_MS = Date.UTC(2026, 0, 15);
/** The API includes rollouts only with a registry, and webhooks only with a master key. */
const CONFIG = /** @type {any} */ ({
  WAIT_SECONDS_MAX: 30,
  AUTH_ISSUER: "https://auth.example.com",
  REGISTRY_URL: "file:///registry",
  PERSONAL_MASTER_KEY: Buffer.alloc(32).toString("base64"),
});
const PAGE = "apps/console/web/src/api/generated";

/** @returns {Promise<{ file: string, text: string }[]>} */
export async function apiTypes() {
  const api = await openapiTypes(/** @type {any} */ (describeIngestion(CONFIG, EXAMPLE_MS)));
  return [
    { file: "packages/client/src/generated/api.ts", text: astToString(api) },
    { file: `${PAGE}/auth.ts`, text: await answerTypes(describeAuth(CONFIG)) },
    { file: `${PAGE}/control.ts`, text: await answerTypes(describeControl(CONFIG)) },
  ];
}

/**
 * Omits requests, because the page needs only response types, which are read-only. A schema without a
 * name, such as the one for arbitrary JSON, belongs to a request.
 *
 * @param {import("@tripline/http/describe-routes").ApiDocument} document
 */
async function answerTypes({ components, ...document }) {
  const named = Object.entries(components?.schemas ?? {}).filter(([name]) => !name.startsWith("__"));
  const schemas = Object.fromEntries(named);
  const answers = /** @type {any} */ ({ ...document, paths: {}, components: { schemas } });
  return astToString(await openapiTypes(answers, { immutable: true }));
}
