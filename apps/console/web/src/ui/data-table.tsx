import type { ColumnDef } from "@tanstack/react-table";
import { tableFeatures, useTable } from "@tanstack/react-table";
import type { ReactNode } from "react";
import { useMemo } from "react";

const features = tableFeatures({});

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  readonly cell: (row: Row) => ReactNode;
  /** Numbers are right-aligned; `wide` columns are hidden on a narrow screen. */
  readonly look?: "number" | "wide" | "grow";
}

interface DataTableProps<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly rowLook?: (row: Row) => string;
}

/** A table with all rows. */
export function DataTable<Row extends object>({ caption, columns, rows, rowKey, rowLook }: DataTableProps<Row>) {
  const data = useMemo(() => [...rows], [rows]);
  const definitions = useMemo<ColumnDef<typeof features, Row>[]>(
    () => columns.map(({ id, title, cell }) => ({ id, header: title, cell: ({ row }) => cell(row.original) })),
    [columns],
  );
  const table = useTable({ features, data, columns: definitions, getRowId: rowKey });
  const look = (index: number): string => columns[index]?.look ?? "";
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
    <section className="table-frame" aria-label={caption} tabIndex={0}>
      <table>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header, index) => (
                <th key={header.id} scope="col" className={look(index)}>
                  <table.FlexRender header={header} />
                </th>
              ))}
            </tr>
          ))}
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <tr key={row.id} className={rowLook?.(row.original) ?? ""}>
              {row.getAllCells().map((cell, index) => (
                <td key={cell.id} className={look(index)}>
                  <table.FlexRender cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
