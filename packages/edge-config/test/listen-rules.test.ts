import { expect, test } from 'vitest';
import { ListenRules } from '@cloud-mirror/edge-config';

function rulesOf(lines: readonly string[], bind = '127.0.0.1'): { text: string; warnings: string[] } {
  const rules = new ListenRules(bind);
  const sections = lines.map((line) => rules.section(line));
  return {
    text: sections.map(({ text }) => text).join(''),
    warnings: sections.flatMap(({ warnings }) => warnings),
  };
}

test.each([
  ['no TAB at its end', 'sssp\t9000\t10.0.0.1:31000\t10.0.0.2:31001'],
  ['a TAB at its end', 'sssp\t9000\t10.0.0.1:31000\t10.0.0.2:31001\t'],
  ['a carriage return at its end', 'sssp\t9000\t10.0.0.1:31000\t10.0.0.2:31001\r'],
  ['spaces instead of TABs', 'sssp 9000 10.0.0.1:31000 10.0.0.2:31001'],
])('a line with %s becomes a section with its endpoints', (_, line) => {
  const { text, warnings } = rulesOf([line]);
  expect(warnings).toEqual([]);
  expect(text).toMatch(/^\nlisten sssp\n {2}bind 127\.0\.0\.1:9000\n {2}mode http\n/);
  expect(text.match(/ {2}server .*/g)).toEqual([
    '  server sssp-1 10.0.0.1:31000 check',
    '  server sssp-2 10.0.0.2:31001 check',
  ]);
});

test.each([
  ["with a space in the port's place, as Marathon writes it", 'copier\t \t10.0.0.1:31000\t'],
  ['with an endpoint in its place', 'copier\t10.0.0.1:31000'],
  ['with nothing else', 'copier'],
  ['with port 0', 'copier\t0\t10.0.0.1:31000'],
  ['with a port that is too large', 'copier\t65536\t10.0.0.1:31000'],
  ['with a negative port', 'copier\t-1\t10.0.0.1:31000'],
])('a line without a port, %s, is left out with a warning, and the next one follows', (_, line) => {
  const { text, warnings } = rulesOf([line, 'sssp\t9000\t10.0.0.1:31000']);
  expect(warnings).toEqual([expect.stringContaining('copier has no port')]);
  expect(text.match(/^listen .*$/gm)).toEqual(['listen sssp']);
});

test.each(['a"b', 'a\u2028b', 'a\\', 'a#b', '$HOME', '"\nglobal', '../x', '<script>', '-f', 'a'.repeat(101)])(
  'a line whose name is %j is left out with a warning',
  (name) => {
    const { text, warnings } = rulesOf([`${name}\t9000\t10.0.0.1:31000`]);
    expect(text).toBe('');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).not.toMatch(/[\n\u2028]/);
  },
);

test.each([
  '10.0.0.1',
  '10.0.0.1:0',
  '10.0.0.1:70000',
  '10.0.0.300:80',
  '127.1:80',
  ':80',
  'a..b:80',
  'host:80#x',
  'a"b:80',
  'unix@/var/run/x:80',
  'fd@3:80',
  '/tmp/socket:80',
  '${HOME}:80',
  'fe80::1%eth0:80',
  '[x]:80',
])('an endpoint %j is left out with a warning, and the others stay', (endpoint) => {
  const { text, warnings } = rulesOf([`sssp\t9000\t${endpoint}\t10.0.0.1:31000`]);
  expect(warnings).toHaveLength(1);
  expect(text.match(/ {2}server .*/g)).toEqual(['  server sssp-1 10.0.0.1:31000 check']);
});

test('IPv6 endpoints and bind addresses get brackets, and names may be unknown when HAProxy starts', () => {
  const { text } = rulesOf(['sssp\t9000\t[2001:db8::1]:80\t2001:db8::2:81\tapp-1.example:82'], '::1');
  expect(text).toContain('  bind [::1]:9000\n');
  expect(text.match(/ {2}server .*/g)).toEqual([
    '  server sssp-1 [2001:db8::1]:80 check',
    '  server sssp-2 [2001:db8::2]:81 check',
    '  server sssp-3 app-1.example:82 check init-addr last,libc,none',
  ]);
});

test('a second port of an app gets a section of its own, and a second app on a port is left out', () => {
  const { text, warnings } = rulesOf(['a\t80\tx:1', 'a\t81\tx:2', 'b\t80\ty:1', 'a\t80\tx:3']);
  expect(text.match(/^listen .*$/gm)).toEqual(['listen a', 'listen a-81']);
  expect(warnings).toEqual([
    'a line is left out: b has port 80, which a has already',
    'a line is left out: a has port 80, which a has already',
  ]);
});

test('empty lines are nothing, and an app without endpoints keeps its port', () => {
  const { text, warnings } = rulesOf(['', '\t', '  ', 'sssp\t9000\t']);
  expect(warnings).toEqual([]);
  expect(text).toContain('bind 127.0.0.1:9000');
});
