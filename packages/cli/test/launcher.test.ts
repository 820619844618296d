import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LAUNCHER, commandLine, startCommandLine } from '@cloud-mirror/testing/command-line';

/** Makes Node report an older version before the launcher checks it. */
const older =
  "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });";
const nodeOptions = ['--import', `data:text/javascript,${encodeURIComponent(older)}`];

/** Replaces the program: prints how it was started, and exits as its arguments say. */
const PROGRAM = `
const [how, status]: string[] = process.argv.slice(2);
process.on('SIGTERM', () => process.exit(9));
if (how === 'wait') setInterval(() => {}, 1000);
else process.exitCode = Number(status);
process.stdout.write(JSON.stringify({ major: process.versions.node.split('.')[0], args: process.argv.slice(2) }) + '\\n');
process.stderr.write('a message\\n');
`;

let directory: string;
let launcher: string;

/** Creates an installation with launcher and program, but without Node. */
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-cli-'));
  launcher = join(directory, 'bin', 'cloud-mirror.mjs');
  await mkdir(join(directory, 'bin'));
  await mkdir(join(directory, 'src'));
  await copyFile(LAUNCHER, launcher);
  await writeFile(join(directory, 'src', 'main.ts'), PROGRAM);
});

afterEach(() => rm(directory, { recursive: true }));

async function installNode(): Promise<void> {
  const bin = join(directory, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin');
  await mkdir(bin, { recursive: true });
  await symlink(process.execPath, join(bin, 'node'));
}

test('a supported Node runs the program itself', async () => {
  const { status, stdout } = await commandLine(['end', '0'], { launcher });
  expect(JSON.parse(stdout.toString())).toMatchObject({ args: ['end', '0'] });
  expect(status).toBe(0);
});

test('an older Node starts the installed one and passes on arguments, streams and exit status', async () => {
  await installNode();
  const { status, stdout, stderr } = await commandLine(['end', '3', 'a b', '--c'], { launcher, nodeOptions });
  const major = process.versions.node.split('.')[0];
  expect(JSON.parse(stdout.toString())).toEqual({ major, args: ['end', '3', 'a b', '--c'] });
  expect(stderr).toBe('a message\n');
  expect(status).toBe(3);
});

test('an older Node passes on signals, and exits with the status of the program', async () => {
  await installNode();
  const running = startCommandLine(['wait'], { launcher, nodeOptions });
  if (running.process.stdout === null) throw new Error('the program has no standard output');
  await once(running.process.stdout, 'data');
  running.process.kill('SIGTERM');
  expect((await running.finished).status).toBe(9);
});

test('an older Node without an installed one prints what is needed', async () => {
  const { status, stdout, stderr } = await commandLine(['end', '0'], { launcher, nodeOptions });
  expect(stderr).toMatch(
    /^error: cloud-mirror needs Node 24 or newer and found .*; install it, or run npm ci/,
  );
  expect(stdout).toHaveLength(0);
  expect(status).toBe(2);
});
