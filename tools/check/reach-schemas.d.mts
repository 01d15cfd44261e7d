/** How to set right that kubeconform does not find its schemas, in one sentence; undefined if it does. */
export declare function findSchemaFault(
  kubeconform: { readonly command: string; readonly args: readonly string[]; readonly timeoutMs: number },
  location: string | undefined,
): string | undefined;
