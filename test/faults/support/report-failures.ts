import { beforeEach, onTestFailed } from 'vitest';
import type { FaultRig } from './fault-rig.ts';

/** For every test of the file: where it fails, what the programs said is printed. */
export function reportFailures(rig: () => FaultRig | undefined): void {
  beforeEach(() => {
    onTestFailed(() => console.error(rig()?.lastLines()));
  });
}
