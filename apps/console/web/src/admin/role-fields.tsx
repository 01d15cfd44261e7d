import { ROLES } from "@tripline/contracts/roles";
import { text } from "../texts/en/admin.js";
import { CheckField } from "../ui/field.js";

interface CheckListProps {
  readonly label: string;
  readonly options: readonly (readonly [value: string, words: string])[];
  readonly chosen: readonly string[];
  readonly onChange: (chosen: readonly string[]) => void;
}

/** A multiple choice. */
export function CheckList({ label, options, chosen, onChange }: CheckListProps) {
  return (
    <fieldset className="choices">
      <legend>{label}</legend>
      {options.map(([value, words]) => (
        <CheckField
          key={value}
          label={words}
          isChecked={chosen.includes(value)}
          onChange={(isChosen) =>
            onChange(options.map(([one]) => one).filter((one) => (one === value ? isChosen : chosen.includes(one))))
          }
        />
      ))}
    </fieldset>
  );
}

const OPTIONS = ROLES.map((role) => [role, `${text.roles[role] ?? role}: ${text.mayDo[role]}`] as const);

export function RoleFields(props: Pick<CheckListProps, "chosen" | "onChange">) {
  return <CheckList label={text.people.roles} options={OPTIONS} {...props} />;
}
