import { useDraft } from "../app/keep-draft.js";
import { text } from "../texts/en/admin.js";
import { Dialog } from "../ui/dialog.js";
import { TextField } from "../ui/field.js";
import { FormDialog } from "../ui/form-dialog.js";
import { RoleFields } from "./role-fields.js";
import { Result } from "./secret-shown.js";
import { useAdminChange } from "./use-admin.js";

const NAME_CHARACTERS_MAX = 100;
const USER_NAME_CHARACTERS_MAX = 64;

interface Form {
  readonly user_name: string;
  readonly name: string;
  readonly roles: readonly string[];
}

const NOBODY: Form = { user_name: "", name: "", roles: ["analyst"] };

/** Adds a user with a generated password that is shown once. */
export function AddPersonDialog({ onClose }: { readonly onClose: () => void }) {
  const [form, setForm, drop] = useDraft<Form>("person", NOBODY);
  const add = useAdminChange();
  if (add.data !== undefined) {
    return (
      <Dialog title={text.people.added(add.data.name ?? "")} onClose={onClose}>
        <Result of={add.data} onClose={onClose} />
      </Dialog>
    );
  }
  return (
    <FormDialog
      title={text.people.add}
      description={text.people.addDetail}
      submit={text.people.add}
      change={add}
      isReady={form.roles.length > 0}
      onSubmit={() => add.mutate({ to: "people", body: form }, { onSuccess: () => void drop(form) })}
      onClose={onClose}
    >
      <TextField
        label={text.people.name}
        required
        maxLength={NAME_CHARACTERS_MAX}
        value={form.name}
        onChange={(name) => setForm({ ...form, name })}
      />
      <TextField
        label={text.people.userName}
        required
        maxLength={USER_NAME_CHARACTERS_MAX}
        hint={text.people.userNameHint}
        value={form.user_name}
        onChange={(user_name) => setForm({ ...form, user_name })}
      />
      <RoleFields chosen={form.roles} onChange={(roles) => setForm({ ...form, roles })} />
    </FormDialog>
  );
}
