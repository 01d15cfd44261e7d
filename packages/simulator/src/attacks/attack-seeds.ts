/** Seeds of simulations with attacks. `exam` is only for reported figures; never use it for building or tuning. */
export const ATTACK_SEEDS = { build: [11, 12, 13], exam: [2_101, 2_102, 2_103, 2_104, 2_105] } as const;
