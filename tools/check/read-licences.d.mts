export interface ShippedPackage {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression, or a name; empty if none is stated. */
  readonly licence: string;
}

export declare const ALLOWED: Readonly<Record<string, string>>;
/** Whether all of it may be shipped. One of several alternatives is enough. */
export declare function isFree(stated: string): boolean;
/** Its faults. */
export declare function licenceFaults(shipped: ShippedPackage): string[];
/** The licence in a package.json, possibly in a form that is older than SPDX. */
export declare function licenceOf(manifest: { readonly license?: unknown; readonly licenses?: unknown }): string;
