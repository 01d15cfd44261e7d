import type { TokenKind } from "@tripline/contracts/identifiers";

/** A payment field that a mapping can fill, from payment.yaml. */
export interface MappedField {
  /** Its name in a request. */
  readonly name: string;
  /** Its column in a transactions file. */
  readonly column: string;
  readonly wire: "string" | "int64" | "double" | "bool";
  readonly type: string;
  readonly required?: boolean;
  /** A token of this kind replaces the text. */
  readonly token?: TokenKind;
  readonly format?: string;
  /** Values of an enum. */
  readonly values?: readonly string[];
  /** Minimum and maximum of a number. */
  readonly range?: readonly [number, number];
  /** Columns for tokens of values derived from the text. */
  readonly derived?: readonly { readonly column: string; readonly token: TokenKind }[];
}
