import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LAUNCHER, commandLine, startCommandLine } from '@cloud-mirror/testing/command-line';

/** Makes this Node say that it is an older one, before the launcher looks. */
const older =
  "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });";
const nodeOptions = ['--import', `data:text/javascript,${encodeURIComponent(older)}`];

/** Stands in the place of the program: says how it was started, and ends as it is told. */
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

/** An installation of its own: launcher and program, and no Node beside them yet. */
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

test('a Node that can runs the program itself', async () => {
  const { status, stdout } = await commandLine(['end', '0'], { launcher });
  expect(JSON.parse(stdout.toString())).toMatchObject({ args: ['end', '0'] });
  expect(status).toBe(0);
});

test('an older one hands over to the installed Node: arguments, streams and exit status', async () => {
  await installNode();
  const { status, stdout, stderr } = await commandLine(['end', '3', 'a b', '--c'], { launcher, nodeOptions });
  const major = process.versions.node.split('.')[0];
  expect(JSON.parse(stdout.toString())).toEqual({ major, args: ['end', '3', 'a b', '--c'] });
  expect(stderr).toBe('a message\n');
  expect(status).toBe(3);
});

test('an older one passes signals on, and ends as the program does', async () => {
  await installNode();
  const running = startCommandLine(['wait'], { launcher, nodeOptions });
  if (running.process.stdout === null) throw new Error('the program has no standard output');
  await once(running.process.stdout, 'data');
  running.process.kill('SIGTERM');
  expect((await running.finished).status).toBe(9);
});

test('an older one says what is needed where no Node is installed', async () => {
  const { status, stdout, stderr } = await commandLine(['end', '0'], { launcher, nodeOptions });
  expect(stderr).toMatch(
    /^error: cloud-mirror needs Node 24 or newer and found .*; install it, or run npm ci/,
  );
  expect(stdout).toHaveLength(0);
  expect(status).toBe(2);
});
