import { csvCell, csvText } from "@tripline/contracts/text/csv-cell";
import type { ListEntry } from "../api/control.js";
import type { NewEntry } from "./use-lists.js";

const COLUMNS = ["list", "kind", "value", "effect", "reason", "author", "created_at", "expires_at"] as const;
/** RFC 4180, with formulas escaped as text for spreadsheets. */
export function writeEntries(entries: readonly ListEntry[]): string {
  const rows = entries.map((entry) => COLUMNS.map((name) => csvCell(entry[name] ?? "")).join(","));
  return `${[COLUMNS.join(","), ...rows].join("\r\n")}\r\n`;
}

export type ReadEntries =
  | { readonly entries: readonly NewEntry[] }
  | { readonly fault: "head" }
  | { readonly fault: "line"; readonly line: number };

/** Parses entries from a file whose first line contains the column names. */
export function readEntries(text: string): ReadEntries {
  const [head = [], ...rows] = readCells(text.replace(/^\uFEFF/, ""));
  const at = (name: string): number => head.findIndex((cell) => cell.trim() === name);
  const [kindAt, valueAt, reasonAt, expiresAt] = [at("kind"), at("value"), at("reason"), at("expires_at")];
  if (kindAt < 0 || valueAt < 0 || reasonAt < 0) return { fault: "head" };
  const entries: NewEntry[] = [];
  for (const [index, row] of rows.entries()) {
    const [kind, value, reason] = [row[kindAt], row[valueAt], row[reasonAt]].map((cell) => cell?.trim() ?? "");
    if (!kind || !value || !reason) return { fault: "line", line: index + 2 };
    const expires = expiresAt < 0 ? "" : (row[expiresAt]?.trim() ?? "");
    entries.push({ kind, value, reason, expires_at: expires === "" ? null : expires });
  }
  return { entries };
}

/** A cell, quoted or not, and its delimiter. */
const CELL = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g;

function readCells(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [whole, quoted, plain = "", end] of text.matchAll(CELL)) {
    if (whole === "" && row.length === 0) break;
    row.push(csvText(quoted?.replaceAll('""', '"') ?? plain));
    if (end === ",") continue;
    if (row.some((cell) => cell !== "")) rows.push(row);
    row = [];
  }
  return rows;
}
