import type { CheckGroup } from './check-group.ts';
import { clockChecks } from './clock-checks.ts';
import { entriesChecks } from './entries-checks.ts';
import { publicReadChecks } from './public-read-checks.ts';
import { queueChecks } from './queue-checks.ts';
import { signingChecks } from './signing-checks.ts';
import { storeChecks } from './store-checks.ts';

/** Every group of checks, in the order in which they are reported. Add a group as a file of its own and name it here. */
export const CHECK_GROUPS: readonly CheckGroup[] = [
  entriesChecks,
  queueChecks,
  storeChecks,
  publicReadChecks,
  signingChecks,
  clockChecks,
];
