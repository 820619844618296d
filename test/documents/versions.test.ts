import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_ROOT } from '@cloud-mirror/testing/program';
import { expect, test } from 'vitest';

interface Manifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const { version } = await manifest('package.json');

test('every package has the version of the project, and depends on exactly that version of the others', async () => {
  const wrong: string[] = [];
  for await (const path of glob(['package.json', '{packages,services}/*/package.json'], {
    cwd: PROJECT_ROOT,
  })) {
    const own = await manifest(path);
    if (own.version !== version) wrong.push(`${path}: ${own.version}`);
    for (const [name, wanted] of Object.entries({ ...own.dependencies, ...own.devDependencies }))
      if (name.startsWith('@cloud-mirror/') && wanted !== version) wrong.push(`${path}: ${name} ${wanted}`);
  }
  expect(wrong).toEqual([]);
});

test('the changelog begins with that version, or with unreleased changes', async () => {
  const changelog = await readFile(join(PROJECT_ROOT, 'CHANGELOG.md'), 'utf8');
  const headings = [...changelog.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
  expect(headings.filter((heading) => heading !== 'Unreleased')[0]).toBe(version);
});

async function manifest(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(PROJECT_ROOT, path), 'utf8')) as Manifest;
}
