import type { CheckGroup } from './check-group.ts';
import { clockChecks } from './clock-checks.ts';
import { entriesChecks } from './entries-checks.ts';
import { publicReadChecks } from './public-read-checks.ts';
import { queueChecks } from './queue-checks.ts';
import { signingChecks } from './signing-checks.ts';
import { storeChecks } from './store-checks.ts';

/** All groups of checks, in the order of the report. To add a group, write it in a file of its own and list it here. */
export const CHECK_GROUPS: readonly CheckGroup[] = [
  entriesChecks,
  queueChecks,
  storeChecks,
  publicReadChecks,
  signingChecks,
  clockChecks,
];
