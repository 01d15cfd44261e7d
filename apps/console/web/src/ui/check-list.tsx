import { CheckField } from "./field.js";

export interface CheckListProps {
  readonly label: string;
  readonly options: readonly (readonly [value: string, words: string])[];
  readonly chosen: readonly string[];
  readonly onChange: (chosen: readonly string[]) => void;
}

/** A list of check boxes. */
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
