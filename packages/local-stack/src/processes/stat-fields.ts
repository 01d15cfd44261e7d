/**
 * The fields of a `/proc/<pid>/stat` line starting with the third, which is the state; see proc_pid_stat(5). The second
 * field, the command's name, is in parentheses and may itself contain spaces and parentheses, so only the text after
 * the last parenthesis is split.
 */
export function statFields(line: string): string[] {
  return line.slice(line.lastIndexOf(")") + 2).split(" ");
}
