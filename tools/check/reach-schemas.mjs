import { spawnSync } from "node:child_process";

/** Every set of schemas has this one. */
const MANIFEST = "apiVersion: v1\nkind: Namespace\nmetadata: { name: probe }\n";

/**
 * Whether kubeconform finds its schemas, told by one manifest: without them it asks for each one again and again, for many
 * minutes.
 *
 * @param {{ command: string, args: readonly string[], timeoutMs: number }} kubeconform as it is called with a manifest
 * @param {string | undefined} location what KUBECONFORM_SCHEMAS says
 * @returns {string | undefined} how to set it right, in one sentence; undefined if they are found
 */
export function findSchemaFault({ command, args, timeoutMs }, location) {
  const options = { encoding: /** @type {const} */ ("utf8"), timeout: timeoutMs, input: MANIFEST };
  const { status, stdout, error } = spawnSync(command, args, options);
  if (status === 0) return undefined;
  const said = stdout?.split("\n")[0] || error?.message;
  return (
    `kubeconform cannot read the schemas of Kubernetes from ${location ?? "the internet"}: set KUBECONFORM_SCHEMAS to where ` +
    `they are, for instance /schemas/{{.ResourceKind}}{{.KindSuffix}}.json, or take kubeconform out of the PATH (${said}).`
  );
}
