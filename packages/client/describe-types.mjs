// The types of this package, from the API's OpenAPI document. `npm run documents` writes them.
import openapiTypes, { astToString } from "openapi-typescript";
import { describeApi } from "../../apps/ingestion/dist/openapi/describe-api.js";

/** Timestamp of the examples; any constant would do. */
const EXAMPLE_MS = Date.UTC(2026, 0, 15);

/** @returns {Promise<string>} */
export async function apiTypes() {
  const config = { WAIT_SECONDS_MAX: 30, AUTH_ISSUER: "https://auth.example.com" };
  const document = describeApi(/** @type {any} */ (config), EXAMPLE_MS);
  return astToString(await openapiTypes(/** @type {any} */ (document)));
}
