/** Seeds of simulations with attacks. `exam` is for reported figures only: never build or tune with it. */
export const ATTACK_SEEDS = { build: [11, 12, 13], exam: [2_101, 2_102, 2_103, 2_104, 2_105] } as const;
