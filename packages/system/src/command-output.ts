/** Output stream of a command. */
export interface CommandOutput {
  write(text: string): unknown;
}
