/**
 * `npm run test:history -- [--seed N] [--seconds N]`: runs a whole mirror under random faults and checks its promises.
 * The seed determines what happens when. It is printed, so that a run can be repeated. If a promise was broken, the exit
 * status is 1 and the history is written to a file.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkHistory } from './check-history.ts';
import { runHistory } from './run-history.ts';
import { summaryOf } from './summary.ts';

const { values } = parseArgs({ options: { seed: { type: 'string' }, seconds: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const seconds = Number(values.seconds ?? 60);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

// Any credentials work. Without them the SDK would look for some on the network.
process.env.AWS_ACCESS_KEY_ID ??= 'test';
process.env.AWS_SECRET_ACCESS_KEY ??= 'test';

say(`seed ${seed}, ${seconds} s`);
const { logs, ...history } = await runHistory({ seed, seconds, onStep: say });
say(summaryOf(history));
const broken = checkHistory(history);
if (broken.length > 0) {
  const folder = await mkdtemp(join(tmpdir(), `history-${seed}-`));
  await writeFile(join(folder, 'history.json'), JSON.stringify(history, null, 1));
  await writeFile(join(folder, 'logs.txt'), logs);
  say(`violations: ${broken.length} (seed ${seed}; history and logs are in ${folder})`);
  for (const promise of broken.slice(0, 20)) say(`- ${promise}`);
} else say(`violations: 0 (seed ${seed})`);
process.exitCode = broken.length > 0 ? 1 : 0;
