/** How to fix it if kubeconform does not find its schemas, in one sentence; undefined if it finds them. */
export declare function findSchemaFault(
  kubeconform: { readonly command: string; readonly args: readonly string[]; readonly timeoutMs: number },
  location: string | undefined,
): string | undefined;
