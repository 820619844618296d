import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_ROOT } from '@cloud-mirror/testing/program';
import { expect, test } from 'vitest';

const PAGE = await readFile(join(PROJECT_ROOT, 'docs/codes-and-metrics.md'), 'utf8');
const API = await readFile(join(PROJECT_ROOT, 'docs/http-api.md'), 'utf8');
const SOURCES = ['packages/*/src/**/*.ts', 'services/*/src/**/*.ts'];

let source = '';
for (const pattern of SOURCES)
  for await (const path of glob(pattern, { cwd: PROJECT_ROOT }))
    if (!path.startsWith('packages/testing/'))
      source += withoutComments(await readFile(join(PROJECT_ROOT, path), 'utf8'));

function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\/|(?:^|\s)\/\/.*$/gm, '');
}

/** The words in quotes of the first group of every match in the source. */
function words(pattern: RegExp): string[] {
  const texts = [...source.matchAll(pattern)].map(([, text = '']) => text);
  return texts.flatMap((text) => [...text.matchAll(/'([a-z0-9_]+)'/g)].map(([, word = '']) => word));
}

const UNION = /\bexport type \w*(?:ErrorCode|RewriteFault)\b =([^;]+);/g;
const CODE_FIELD = /readonly code = ('[a-z0-9_]+')/g;
const PROBLEM = /new HttpProblem\(\s*[\w.? >'=:]+,\s*('[a-z0-9_]+')/g;
const OUTCOME = /readonly outcome: ('[a-z0-9_]+')/g;
const METRIC = /name: ('cloud_mirror_[a-z0-9_]+')/g;

test.each([
  ['code of an error class', UNION, 25],
  ['code of an error with one code', CODE_FIELD, 3],
  ['code of a problem', PROBLEM, 15],
  ['outcome of a job', OUTCOME, 7],
  ['metric', METRIC, 15],
])('the page has every %s', (_, pattern, atLeast) => {
  const found = [...new Set(words(pattern))];
  expect(found.length).toBeGreaterThanOrEqual(atLeast);
  expect(found.filter((word) => !PAGE.includes(`\`${word}\``))).toEqual([]);
});

test('the page names no metric that there is none of', () => {
  const named = [...PAGE.matchAll(/`(cloud_mirror_[a-z0-9_]+)`/g)].map(([, name = '']) => name);
  expect(named.filter((name) => !source.includes(`'${name}'`))).toEqual([]);
});

test('http-api.md has every reason of a redirect to the origin', () => {
  const reasons = words(/export type FallbackReason =([^;]+);/g);
  expect(reasons.length).toBeGreaterThan(10);
  expect(reasons.filter((reason) => !API.includes(`\`${reason}\``))).toEqual([]);
});
