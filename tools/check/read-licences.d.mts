export interface ShippedPackage {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression, or a name; empty where none is stated. */
  readonly licence: string;
}

export declare const ALLOWED: Readonly<Record<string, string>>;
/** Whether all of it may be shipped; of alternatives one will do. */
export declare function isFree(stated: string): boolean;
/** What is wrong with it. */
export declare function licenceFaults(shipped: ShippedPackage): string[];
/** Of a package.json, which may be of the time before SPDX. */
export declare function licenceOf(manifest: { readonly license?: unknown; readonly licenses?: unknown }): string;
