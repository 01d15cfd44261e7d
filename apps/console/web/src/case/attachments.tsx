import { useRef, useState } from "react";
import type { CaseAttachment } from "#contract/attachments";
import { ATTACHMENT_TYPES } from "#contract/attachments";
import type { CaseDetail } from "#contract/cases";
import { problemFrom } from "../api/request.js";
import { useMay } from "../app/session.js";
import { formatBytes } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { text as app } from "../texts/en/app.js";
import { text } from "../texts/en/cases.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Panel } from "../ui/panel.js";
import { ProblemNote } from "../ui/states.js";
import { useAddFile, useRemoveFile } from "./use-case.js";

const { files: words } = text.case;
const ACCEPT = Object.values(ATTACHMENT_TYPES)
  .flat()
  .map((ending) => `.${ending}`)
  .join(",");

/** The case's files. Hidden if no store is configured. */
export function Attachments({ of }: { readonly of: CaseDetail }) {
  const may = useMay();
  const [removing, setRemoving] = useState<CaseAttachment>();
  const { attachments, attachmentLimits: limits } = of;
  if (limits === null && attachments.length === 0) return null;
  return (
    <Panel title={words.title}>
      {attachments.length === 0 && <p className="quiet">{words.none}</p>}
      {attachments.length > 0 && !may("personal:read") && <p className="quiet">{words.masked}</p>}
      <ul className="files">
        {attachments.map((file) => (
          <li key={file.id}>
            <div>
              <FileName caseId={of.id} of={file} />
              <p className="quiet">
                {words.kinds[file.mediaType] ?? file.mediaType}, {formatBytes(file.bytes)}. {file.author.name},{" "}
                <time>{formatMoment(file.atMs)}</time>
              </p>
            </div>
            {may("cases:write") && (
              <Button look="quiet" aria-label={words.removeName(file.name)} onClick={() => setRemoving(file)}>
                {words.remove}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {may("cases:write") && limits !== null && attachments.length < limits.filesMax && (
        <AddFile caseId={of.id} bytesMax={limits.bytesMax} />
      )}
      {removing !== undefined && <RemoveDialog caseId={of.id} of={removing} onClose={() => setRemoving(undefined)} />}
    </Panel>
  );
}

function FileName({ caseId, of: { id, name } }: { readonly caseId: string; readonly of: CaseAttachment }) {
  const may = useMay();
  if (!may("personal:read")) return <span>{name}</span>;
  return (
    <a href={`/api/cases/${encodeURIComponent(caseId)}/attachments/${encodeURIComponent(id)}`} download={name}>
      {name}
    </a>
  );
}

/** The selection is kept, so that a failed upload can be retried. */
function AddFile({ caseId, bytesMax }: { readonly caseId: string; readonly bytesMax: number }) {
  const field = useRef<HTMLInputElement>(null);
  const [tooLarge, setTooLarge] = useState<File>();
  const add = useAddFile(caseId);
  const choose = (file: File): void => {
    add.reset();
    setTooLarge(file.size > bytesMax ? file : undefined);
    if (file.size <= bytesMax) add.mutate(file);
  };
  const { variables: sent } = add;
  return (
    <>
      <input
        ref={field}
        type="file"
        accept={ACCEPT}
        hidden
        aria-label={words.add}
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          if (file !== undefined) choose(file);
          event.target.value = "";
        }}
      />
      <p className="quiet">{words.taken(formatBytes(bytesMax))}</p>
      {tooLarge !== undefined && (
        <p role="alert" className="fault">
          {words.tooLarge(tooLarge.name, formatBytes(tooLarge.size), formatBytes(bytesMax))}
        </p>
      )}
      {add.error !== null && sent !== undefined && (
        <>
          <p className="quiet">{words.notAdded(sent.name)}</p>
          <ProblemNote problem={problemFrom(add.error)} onRetry={() => add.mutate(sent)} />
        </>
      )}
      <div className="actions end">
        {add.isPending && sent !== undefined && <p role="status">{words.adding(sent.name)}</p>}
        <Button disabled={add.isPending} onClick={() => field.current?.click()}>
          {words.add}
        </Button>
      </div>
    </>
  );
}

interface RemoveDialogProps {
  readonly caseId: string;
  readonly of: CaseAttachment;
  readonly onClose: () => void;
}

function RemoveDialog({ caseId, of, onClose }: RemoveDialogProps) {
  const remove = useRemoveFile(caseId);
  return (
    <Dialog title={words.removeName(of.name)} description={words.removeExplain} onClose={onClose}>
      {remove.error !== null && <ProblemNote problem={problemFrom(remove.error)} />}
      <div className="actions end">
        <Button onClick={onClose}>{app.cancel}</Button>
        <Button look="danger" disabled={remove.isPending} onClick={() => remove.mutate(of.id, { onSuccess: onClose })}>
          {words.remove}
        </Button>
      </div>
    </Dialog>
  );
}
