import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";

const children = new Set<ChildProcess>();
let isWatching = false;

/** Ends the child when this process exits normally or with an uncaught error. */
export function trackChild(child: ChildProcess): void {
  children.add(child);
  child.once("exit", () => children.delete(child));
  child.once("error", () => children.delete(child));
  if (isWatching) return;
  isWatching = true;
  process.on("exit", killChildren);
}

/** Ends this process and its children on Ctrl-C and on termination signals. */
export function endOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    if (process.listeners(signal).includes(exitOn)) continue;
    process.on(signal, exitOn);
  }
}

function exitOn(signal: NodeJS.Signals): void {
  killChildren();
  process.exit(128 + constants.signals[signal]);
}

function killChildren(): void {
  for (const child of children) child.kill("SIGKILL");
}
