const ID_CHARACTERS_SHOWN = 8;

export const caseTitle = (id: string): string => `Case ${id.slice(0, ID_CHARACTERS_SHOWN)}`;
