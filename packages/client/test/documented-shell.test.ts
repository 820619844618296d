import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { rewriteUrl } from '../src/index.ts';

const where = { mirror: 'https://mirror.example.com', service: 's3', region: 'us-west-1' };

/** The shell function in docs/clients.md. */
async function documentedFunction(): Promise<string> {
  const page = await readFile(new URL('../../../docs/clients.md', import.meta.url), 'utf8');
  const found = /```sh\n(# mirrored .*?)```/s.exec(page)?.[1];
  if (found === undefined) throw new Error('docs/clients.md has no shell function called mirrored');
  return found;
}

test.each([
  'https://artifacts.example.com/builds/1/app.tar.gz',
  // Its base64 has a + and a /, padding, and more than one line.
  `https://example.com/~~~???/${'long/'.repeat(40)}ü`,
  'https://example.com/a%20b?c=d&e=100%#fragment',
])('the documented shell function returns the mirrored address of %s', async (origin) => {
  const script = `${await documentedFunction()}\nmirrored "$1"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', script, 'bash', origin], {
    env: { PATH: process.env['PATH'], MIRROR: where.mirror, SERVICE: where.service, REGION: where.region },
  });
  expect(stdout).toBe(`${rewriteUrl(origin, where)}\n`);
});
