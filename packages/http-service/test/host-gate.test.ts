import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { HostGate } from '../src/index.ts';

function request(host: string, localAddress: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'localAddress', { value: localAddress });
  return Object.assign(new IncomingMessage(socket), { method: 'GET', url: '/', headers: { host } });
}

describe('without a public URL', () => {
  test.each([
    ['0.0.0.0', '10.1.2.3', '10.1.2.3:9000', null],
    ['::', '::ffff:10.1.2.3', '[::ffff:10.1.2.3]', null],
    ['::', '::ffff:10.1.2.3', '10.1.2.3:9000', null],
    ['0.0.0.0', '10.1.2.3', '[::ffff:10.1.2.3]', null],
    ['0.0.0.0', '10.1.2.3', '[0:0:0:0:0:FFFF:0a01:203]', null],
    ['0.0.0.0', '10.1.2.3', '[::FFFF:127.0.0.1]', null],
    ['::', '::ffff:10.1.2.3', '10.1.2.4', 421],
    ['::', 'fd00::1', '[FD00:0::1]:9000', null],
    ['router.internal', '10.1.2.3', 'router.internal:9000', null],
    ['0.0.0.0', '10.1.2.3', 'localhost', null],
    ['0.0.0.0', '10.1.2.3', 'named', null],
    ['0.0.0.0', '10.1.2.3', '10.1.2.4', 421],
    ['0.0.0.0', '10.1.2.3', 'router.internal', 421],
    ['10.1.2.3', '10.1.2.3', 'evil.example', 421],
  ])('listening on %s, connected at %s, asked for %s: %j', (listenHost, localAddress, host, status) => {
    const gate = new HostGate({ publicUrl: null, hosts: ['named'], listenHost });
    for (const _ of [1, 2])
      expect(gate.refusalOf(request(host, localAddress), false)?.status ?? null).toBe(status);
  });
});

test('with a public URL, the address of the listener is not enough', () => {
  const gate = new HostGate({ publicUrl: 'https://mirror.example', hosts: [], listenHost: '10.1.2.3' });
  expect(gate.refusalOf(request('10.1.2.3', '10.1.2.3'), false)?.status).toBe(421);
});
