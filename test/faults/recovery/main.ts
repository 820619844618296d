/**
 * `npm run test:recovery -- [--fault PART-OF-NAME] [--seconds N] [--json]`: measures how long a whole mirror with default
 * time limits takes to recover from each single fault. The exit status is 1 if an answer was late, or if an object was not
 * served from its region within a minute after the end of a fault.
 */
import { parseArgs } from 'node:util';
import { FaultyMirror } from './faulty-mirror.ts';
import { measureRecovery, type Recovery } from './measure-recovery.ts';
import { SINGLE_FAULTS } from './single-faults.ts';

const { values } = parseArgs({
  options: {
    fault: { type: 'string', default: '' },
    seconds: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
  },
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);

// Any credentials work. Without them the SDK would look for some on the network.
process.env.AWS_ACCESS_KEY_ID ??= 'test';
process.env.AWS_SECRET_ACCESS_KEY ??= 'test';

const COLUMNS = ['lasted', 'to copies', 'to origin', 'slowest', 'known', 'new', 'every'] as const;

function row(fault: string, cells: readonly string[]): string {
  return [fault.padEnd(42), ...cells.map((cell, index) => cell.padStart(COLUMNS[index]?.length ?? 0))].join(
    '  ',
  );
}

function seconds(ms: number): string {
  return ms === Infinity ? 'never' : (ms / 1_000).toFixed(1);
}

function rowOf({ fault, toCopy, toOrigin, ...ms }: Recovery): string {
  const { lastedMs, slowestMs, knownMs, newMs, everyMs } = ms;
  const counts = [String(toCopy), String(toOrigin)];
  return row(fault, [seconds(lastedMs), ...counts, ...[slowestMs, knownMs, newMs, everyMs].map(seconds)]);
}

const found: Recovery[] = [];
{
  await using mirror = await FaultyMirror.open();
  if (!values.json) say(row('fault (times in seconds)', COLUMNS));
  for (const fault of SINGLE_FAULTS.filter(({ name }) => name.includes(values.fault))) {
    const recovery = await measureRecovery(mirror, fault, Number(values.seconds) * 1_000);
    found.push(recovery);
    if (values.json) continue;
    say(rowOf(recovery));
    for (const promise of new Set(recovery.broken)) say(`  - ${promise}`);
  }
}
if (values.json) say(JSON.stringify(found, null, 2));
else
  say(
    'lasted: duration of the fault. to copies, to origin: answers meanwhile. slowest: slowest answer, after its wait. ' +
      'known: until known objects were hits again. new: until a new object was mirrored. every: until all objects requested ' +
      'during the fault, or under way before it, were mirrored; or the longest copy requested in the seconds after it.',
  );
process.exitCode = found.some(({ broken }) => broken.length > 0) ? 1 : 0;
