import { spawnSync } from "node:child_process";

/** Every schema set has this kind. */
const MANIFEST = "apiVersion: v1\nkind: Namespace\nmetadata: { name: probe }\n";

/**
 * Checks with one manifest whether kubeconform finds its schemas, because without them it retries each one for many
 * minutes.
 *
 * @param {{ command: string, args: readonly string[], timeoutMs: number }} kubeconform its command line, called with a
 * manifest
 * @param {string | undefined} location the value of KUBECONFORM_SCHEMAS
 * @returns {string | undefined} how to fix it, in one sentence; undefined if the schemas are found
 */
export function findSchemaFault({ command, args, timeoutMs }, location) {
  const options = { encoding: /** @type {const} */ ("utf8"), timeout: timeoutMs, input: MANIFEST };
  const { status, stdout, error } = spawnSync(command, args, options);
  if (status === 0) return undefined;
  const said = stdout?.split("\n")[0] || error?.message;
  return (
    `kubeconform cannot read the Kubernetes schemas from ${location ?? "the internet"}: set KUBECONFORM_SCHEMAS to ` +
    `their location, for instance /schemas/{{.ResourceKind}}{{.KindSuffix}}.json, or remove kubeconform from the PATH (${said}).`
  );
}
