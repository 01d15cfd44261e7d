/** Where a command writes. */
export interface CommandOutput {
  write(text: string): unknown;
}
