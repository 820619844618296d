import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FolderStateStore } from '@cloud-mirror/state-store';
import { stateStoreContract } from '@cloud-mirror/state-store/contract';

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'test-state-'));
  folders.push(folder);
  return join(folder, 'state');
}

stateStoreContract('a folder', async () => {
  const folder = await newFolder();
  return {
    open: async () => new FolderStateStore(folder),
    breakStore: () => rename(folder, `${folder}-away`),
    mend: () => rename(`${folder}-away`, folder),
  };
});

test('only the user of the process may read the files', async () => {
  const folder = await newFolder();
  const store = new FolderStateStore(folder);
  await store.check();
  await store.write('routes', 'x', { expected: null });
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, 'routes/000000000001.json'))).mode & 0o777).toBe(0o600);
});

test('keeps the last sixteen versions and the first, and removes what killed processes left behind', async () => {
  const folder = await newFolder();
  const store = new FolderStateStore(folder);
  await store.check();
  let expected = await store.write('routes', '1', { expected: null });
  const abandoned = join(folder, 'routes/.staged-x');
  await writeFile(abandoned, 'half');
  await utimes(abandoned, 1, 1);
  for (let n = 2; n <= 30; n += 1) {
    expected = await store.write('routes', String(n), { expected });
    await utimes(join(folder, `routes/${String(n - 1).padStart(12, '0')}.json`), 1, 1);
  }
  const kept = (await readdir(join(folder, 'routes'))).sort();
  expect(kept).toHaveLength(17);
  expect(kept[0]).toBe('000000000001.json');
  expect(kept[1]).toBe('000000000015.json');
});

test('reads a version that an operator edited in place', async () => {
  const store = new FolderStateStore(await newFolder());
  await store.check();
  const folder = folders.at(-1) ?? '';
  const revision = await store.write('routes', 'one', { expected: null });
  await writeFile(join(folder, 'state/routes/000000000001.json'), 'two');
  expect(await store.read('routes', { known: revision })).toMatchObject({ text: 'two' });
});

test('processes that count in one document together lose no step', async () => {
  const folder = await newFolder();
  await new FolderStateStore(folder).check();
  const script = `
    import { FolderStateStore } from '@cloud-mirror/state-store';
    const store = new FolderStateStore(process.argv[1]);
    for (let done = 0; done < 50; ) {
      const found = await store.read('count');
      const next = String(Number(found?.text ?? 0) + 1);
      try {
        await store.write('count', next, { expected: found?.revision ?? null });
        done += 1;
      } catch (error) {
        if (error.code !== 'state_conflict') throw error;
      }
    }`;
  const counting = [1, 2, 3].map(() =>
    spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'inherit', 'inherit'],
    }),
  );
  for (const status of await Promise.all(counting.map((child) => once(child, 'exit'))))
    expect(status).toEqual([0, null]);
  const newest = (await readdir(join(folder, 'count'))).sort().at(-1) ?? '';
  expect(await readFile(join(folder, 'count', newest), 'utf8')).toBe('150');
});
