// Types from the OpenAPI documents of the services: of the whole API for the client, of the answers for the console's page.
import openapiTypes, { astToString } from "openapi-typescript";
import { describeApi as describeAuth } from "../../apps/auth/dist/openapi/describe-api.js";
import { describeApi as describeControl } from "../../apps/control/dist/openapi/describe-api.js";
import { describeApi as describeIngestion } from "../../apps/ingestion/dist/openapi/describe-api.js";

/** Timestamp of the examples; any constant would do. */
const EXAMPLE_MS = Date.UTC(2026, 0, 15);
/** With a registry, the API has rollouts. */
const CONFIG = /** @type {any} */ ({
  WAIT_SECONDS_MAX: 30,
  AUTH_ISSUER: "https://auth.example.com",
  REGISTRY_URL: "file:///registry",
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
 * Without the requests: the page needs only what comes back, and does not change it. A schema without a name, such as any
 * JSON, is of a request.
 *
 * @param {import("@tripline/http/describe-routes").ApiDocument} document
 */
async function answerTypes({ components, ...document }) {
  const named = Object.entries(components?.schemas ?? {}).filter(([name]) => !name.startsWith("__"));
  const schemas = Object.fromEntries(named);
  const answers = /** @type {any} */ ({ ...document, paths: {}, components: { schemas } });
  return astToString(await openapiTypes(answers, { immutable: true }));
}
