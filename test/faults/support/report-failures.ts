import { beforeEach, onTestFailed } from 'vitest';
import type { FaultRig } from './fault-rig.ts';

/** Prints the programs' output for every failed test of the file. */
export function reportFailures(rig: () => FaultRig | undefined): void {
  beforeEach(() => {
    onTestFailed(() => console.error(rig()?.lastLines()));
  });
}
