import { expect, test } from 'vitest';
import type { RenderedBackend } from '@cloud-mirror/edge-config';
import type { RunningServer } from '../src/haproxy/runtime-api.ts';
import { isDone, serverChanges } from '../src/haproxy/server-changes.ts';

const READY: RunningServer = { host: '10.0.0.1', port: 80, isDraining: false, isInMaintenance: false };
const DRAINING: RunningServer = { ...READY, isDraining: true };
const IN_MAINTENANCE: RunningServer = { ...READY, isInMaintenance: true };

function backend(changes: Partial<RenderedBackend> = {}): RenderedBackend {
  const servers = [{ name: 's', host: '10.0.0.1', port: 80, canBeAdded: true }];
  return { name: 'b', app: 'a', isSticky: false, servers, leaving: [], ...changes };
}

const NONE = { servers: [] };
const LEAVING = { servers: [], leaving: ['s'] };

test.each<[string, Partial<RenderedBackend>, RunningServer | null, string[]]>([
  ['what is wanted and there', {}, READY, []],
  [
    'what is wanted and missing',
    {},
    null,
    ['add server b/s 10.0.0.1:80 check inter 1s fall 2 rise 2; enable health b/s; enable server b/s'],
  ],
  ['what is wanted at another address', {}, { ...READY, port: 81 }, ['set server b/s addr 10.0.0.1 port 80']],
  ['what is wanted and drains', {}, DRAINING, ['set server b/s state ready']],
  ['what is wanted and in maintenance', {}, IN_MAINTENANCE, ['set server b/s state ready']],
  ['what drains', LEAVING, READY, ['set server b/s state drain']],
  ['what drains already', LEAVING, DRAINING, []],
  [
    'what drains and has clients that stay',
    { ...LEAVING, isSticky: true },
    READY,
    ['set server b/s state maint'],
  ],
  ['what drains with them already', { ...LEAVING, isSticky: true }, IN_MAINTENANCE, []],
  ['what is gone', NONE, READY, ['set server b/s state maint; del server b/s']],
  [
    'what is gone and has open connections',
    NONE,
    IN_MAINTENANCE,
    ['set server b/s state maint; del server b/s'],
  ],
  [
    'a name, which HAProxy would not look up',
    { servers: [{ name: 's', host: 'h.example', port: 80, canBeAdded: false }] },
    null,
    [],
  ],
])('changes of %s', (_, wanted, running, lines) => {
  const present = new Map(running === null ? [] : [['s', running] as const]);
  expect(serverChanges(backend(wanted), present, true).map(({ line }) => line)).toEqual(lines);
});

test('what is unknown stays while not every instance may be known', () => {
  expect(serverChanges(backend(NONE), new Map([['s', READY]]), false)).toEqual([]);
});

test.each([
  ['add', 'New server registered.\n\n\n\n', true],
  ['add', 'Already exists a server with the same name in backend.\n', false],
  ['remove', '\nServer deleted.\n', true],
  ['remove', '\nServer still has connections attached to it, cannot remove it.\n', false],
  ['drain', '\n', true],
  ['drain', 'No such server.\n', false],
  ['move', "IP changed from '10.0.0.2' to '10.0.0.1' by 'stats socket command'\n", true],
  ['move', 'No such server.\n', false],
] as const)('a change "%s" that is answered with %j is done: %s', (kind, answer, done) => {
  expect(isDone({ kind, server: 'b/s', line: '' }, answer)).toBe(done);
});
