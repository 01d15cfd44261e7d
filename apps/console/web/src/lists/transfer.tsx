import { useMutation } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { problemFrom } from "../api/request.js";
import { saveFile } from "../api/save-file.js";
import { useMay } from "../app/session.js";
import { text } from "../texts/en/screens.js";
import { Button } from "../ui/button.js";
import { ProblemNote } from "../ui/states.js";
import { readEntries, writeEntries } from "./list-csv.js";
import type { EntrySearch } from "./use-lists.js";
import { fetchEntries, useChangeLists } from "./use-lists.js";

const FILE_BYTES_MAX = 1024 * 1024;

interface TransferProps {
  readonly list: string | undefined;
  readonly search: EntrySearch;
}

/** Exports and imports entries. An import goes to the selected list. */
export function Transfer({ list, search }: TransferProps) {
  const may = useMay();
  const save = useMutation({
    mutationFn: async () => saveFile(`${list ?? "lists"}.csv`, writeEntries(await fetchEntries(search))),
  });
  return (
    <>
      <Button disabled={save.isPending} onClick={() => save.mutate()}>
        {text.lists.export}
      </Button>
      {may("lists:write") && list !== undefined && <Import list={list} />}
      {save.error !== null && <ProblemNote problem={problemFrom(save.error)} />}
    </>
  );
}

function Import({ list }: { readonly list: string }) {
  const field = useRef<HTMLInputElement>(null);
  const [fault, setFault] = useState("");
  const { add } = useChangeLists();
  const read = async (file: File): Promise<void> => {
    setFault("");
    if (file.size > FILE_BYTES_MAX) return setFault(text.lists.importLarge);
    const found = readEntries(await file.text());
    if ("entries" in found) return add.mutate({ list, entries: found.entries });
    setFault(found.fault === "head" ? text.lists.importHead : text.lists.importFault(found.line));
  };
  return (
    <>
      <input
        ref={field}
        type="file"
        accept=".csv,text/csv"
        hidden
        aria-label={text.lists.import}
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          if (file !== undefined) void read(file);
          event.target.value = "";
        }}
      />
      <Button title={text.lists.importHint} disabled={add.isPending} onClick={() => field.current?.click()}>
        {text.lists.import}
      </Button>
      {fault !== "" && <p role="alert">{fault}</p>}
      {add.isSuccess && (
        <p role="status">
          {add.data.waiting === undefined ? text.lists.imported(add.data.entries, list) : text.lists.waiting}
        </p>
      )}
      {add.error !== null && <ProblemNote problem={problemFrom(add.error)} />}
    </>
  );
}
