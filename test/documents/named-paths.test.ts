import { glob, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { PROJECT_ROOT } from '@cloud-mirror/testing/program';
import { describe, expect, test } from 'vitest';

/** The changelog names files as they were at the time. */
const DOCUMENTS = ['*.md', 'docs/**/*.md', 'bench/*.md'];
const HISTORY = 'CHANGELOG.md';
const IGNORED = /(^|\/)(node_modules|\.git|data|coverage)(\/|$)/;

const files = [...(await paths('**/*')), ...(await paths('.ci/*'))];
const scripts = Object.keys(
  (JSON.parse(await readFile(join(PROJECT_ROOT, 'package.json'), 'utf8')) as { scripts: object }).scripts,
);
const documents = (await Promise.all(DOCUMENTS.map(paths))).flat().filter((path) => path !== HISTORY);

describe.each(documents)('%s', async (document) => {
  const text = await readFile(join(PROJECT_ROOT, document), 'utf8');

  test('links to files and headings that exist', async () => {
    expect(await brokenLinks(document, text)).toEqual([]);
  });

  test('names source files, folders, packages and scripts that exist', () => {
    expect(missingNames(text)).toEqual([]);
  });
});

describe('a missing', () => {
  test.each([
    ['file by its path', '`packages/origin/src/none.ts`'],
    ['file by its name', 'see `none-such.ts`'],
    ['folder', '`packages/none/`'],
    ['file in a code block', '```sh\nnpx vitest run packages/origin/test/none.test.ts\n```'],
    ['choice in braces', '`docs/{testing,none}.md`'],
    ['package', '`@cloud-mirror/none`'],
    ['export of a package', '`@cloud-mirror/testing/none`'],
    ['script', '`npm run none`'],
  ])('%s is found', (_, text) => {
    expect(missingNames(text)).toHaveLength(1);
  });

  test.each([
    ['link', '[a](docs/none.md)'],
    ['heading', '[a](docs/configuration.md#none)'],
  ])('%s is found', async (_, text) => {
    expect(await brokenLinks('README.md', text)).toHaveLength(1);
  });
});

async function paths(pattern: string): Promise<string[]> {
  const found: string[] = [];
  const options = { cwd: PROJECT_ROOT, exclude: (path: string) => IGNORED.test(path) };
  for await (const path of glob(pattern, options)) found.push(path);
  return found.filter((path) => !IGNORED.test(path));
}

async function brokenLinks(document: string, text: string): Promise<string[]> {
  const broken: string[] = [];
  for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [path = '', heading] = target.split('#');
    const file = path === '' ? document : relative(PROJECT_ROOT, join(PROJECT_ROOT, dirname(document), path));
    if (!exists(file)) broken.push(target);
    else if (heading !== undefined && !(await headingsOf(file)).includes(heading)) broken.push(target);
  }
  return broken;
}

/** The anchors that GitHub gives to headings. */
async function headingsOf(file: string): Promise<string[]> {
  const text = await readFile(join(PROJECT_ROOT, file), 'utf8');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );
}

function missingNames(text: string): string[] {
  const missing = new Set<string>();
  for (const [name] of text.matchAll(
    /(?<![\w./@:-])(?:packages|services|test|bench|docs|config|\.ci)\/[\w@./*{},-]*[\w*}/]/g,
  ))
    if (!spellings(name).every(exists)) missing.add(name);
  for (const [name] of text.matchAll(/(?<![\w./*-])[\w-]+(?:\.[\w-]+)*\.ts\b/g))
    if (!files.some((file) => file.endsWith(`/${name}`))) missing.add(name);
  for (const [name, folder = '', entry] of text.matchAll(/@cloud-mirror\/([a-z-]+)(?:\/([a-z][a-z/-]*))?/g))
    if (!exists(`packages/${folder}`) && !exists(`services/${folder}`)) missing.add(name);
    else if (entry !== undefined && !hasExport(folder, entry)) missing.add(name);
  for (const [name, script = ''] of text.matchAll(/\bnpm run ([\w:-]+)/g))
    if (!scripts.includes(script)) missing.add(name);
  return [...missing];
}

/** `a/{b,c}.ts` names two files. */
function spellings(path: string): string[] {
  const match = /^(.*)\{([^}]*)\}(.*)$/.exec(path);
  if (match === null) return [path];
  const [, before = '', choices = '', after = ''] = match;
  return choices.split(',').flatMap((choice) => spellings(before + choice + after));
}

/** Whether a file or folder exists, or a pattern matches at least one. */
function exists(path: string): boolean {
  const name = path.replace(/\/$/, '');
  if (!name.includes('*')) return files.includes(name);
  const pattern = name
    .split('*')
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^/]*');
  return files.some((file) => new RegExp(`^${pattern}$`).test(file));
}

function hasExport(folder: string, entry: string): boolean {
  return folder === 'testing'
    ? exists(`packages/testing/src/${entry}.ts`)
    : files.some((file) => file.startsWith(`packages/${folder}/${entry}/`));
}
