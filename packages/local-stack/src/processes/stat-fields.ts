/**
 * The fields of a line of `/proc/<pid>/stat` from the third one on, the state; see proc_pid_stat(5). The second one, the
 * command's name, stands in parentheses and may hold spaces and parentheses itself: what follows the last one is split safely.
 */
export function statFields(line: string): string[] {
  return line.slice(line.lastIndexOf(")") + 2).split(" ");
}
