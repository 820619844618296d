import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import type { Program } from '@cloud-mirror/testing/program';
import { fresh, FaultRig } from './support/fault-rig.ts';
import { QueueMessages } from './support/queue-messages.ts';
import { reportFailures } from './support/report-failures.ts';

/*
 * Somebody can write to the queue. With `queue.signingKey`, only jobs of the front ends have an effect.
 */

const KEY = 'the-key-that-signs-jobs-of-this-test';
const OLD_KEY = 'the-key-that-signed-jobs-before-this';

let rig: FaultRig;
let frontend: Program;
let jobs: QueueMessages;
let deadLetters: QueueMessages;

reportFailures(() => rig);
beforeAll(async () => {
  rig = await FaultRig.start({ overrides: { queue: { signingKey: [KEY, OLD_KEY], maxReceiveCount: 3 } } });
  frontend = await rig.startFrontend();
  jobs = new QueueMessages(rig.protocols, rig.queue());
  deadLetters = new QueueMessages(rig.protocols, `${rig.queue()}_dead`);
  await emptied();
});
afterAll(() => rig?.[Symbol.asyncDispose]());

const emptied = (): Promise<boolean> => eventually(async () => (await jobs.count()) === 0);

/** Requests a copy while no worker runs. @returns the job in the queue */
async function jobFor(path: string): Promise<string> {
  await rig.ask(frontend, path, { headers: { prefer: 'wait=0' } });
  return eventually(async () => (await jobs.peek()).find((body) => body.includes(rig.originUrl(path))));
}

const unsigned = (body: string): string => body.replace(/,"hmac":"\w+"\}$/, '}');
const signedWith = (key: string, body: string): string =>
  `${body.slice(0, -1)},"hmac":"${createHmac('sha256', key).update(`cloud-mirror job\n${body}`).digest('hex')}"}`;

test('forged jobs copy nothing and become dead letters; signed ones are done, and a replay does nothing', async () => {
  const [genuine, wanted, early] = [fresh('/bytes/2000'), fresh('/bytes/3000'), fresh('/bytes/4000')];
  const job = await jobFor(genuine);
  expect(job).toMatch(/"hmac":"[0-9a-f]{64}"\}$/);
  const forWanted = (body: string): string => body.replace(rig.originUrl(genuine), rig.originUrl(wanted));
  const forged = [
    unsigned(forWanted(job)),
    forWanted(job),
    signedWith('a key of somebody else, guessed', unsigned(forWanted(job))),
    `${unsigned(forWanted(job)).slice(0, -1)},"hmac":""}`,
    'no job at all',
  ];
  for (const body of forged) await jobs.send(body);
  await jobs.send(signedWith(OLD_KEY, unsigned(job).replace(rig.originUrl(genuine), rig.originUrl(early))));
  await using copier = await rig.startCopier();

  expect((await rig.copyOf(frontend, genuine)).equals(rig.origin.bodyOf(genuine).bytes())).toBe(true);
  await emptied();
  await eventually(async () => (await deadLetters.count()) === forged.length);
  expect(rig.origin.count('GET', wanted)).toBe(0);
  expect(await rig.copies(wanted)).toBe(0);
  expect(await rig.copies(early)).toBe(1);
  const refused = await copier.log(({ outcome }) => outcome === 'refused');
  expect(refused).toMatchObject({ level: 'error', err: { code: 'job_refused' } });
  const metrics = await (await fetch(copier.url('/metrics'))).text();
  expect(metrics).toMatch(/^cloud_mirror_copies_total\{[^}]*outcome="refused"\} 5$/m);

  await jobs.send(job);
  await emptied();
  expect(rig.origin.count('GET', genuine)).toBe(1);
  expect(await rig.copies(genuine)).toBe(1);
});
