import { expect, test } from 'vitest';
import { orderAddresses, type Scope } from '../src/address-order.ts';

const V4 = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const V6 = ['2001:db8::1', '2001:db8::2'];

test.each<[readonly string[], readonly Scope[], number, readonly string[]]>([
  [[...V4, ...V6], ['global'], 0, ['2001:db8::1', '192.0.2.1', '2001:db8::2', '192.0.2.2', '192.0.2.3']],
  [[...V4, ...V6], ['global'], 1, ['2001:db8::2', '192.0.2.2', '2001:db8::1', '192.0.2.3', '192.0.2.1']],
  [[...V6, ...V4], ['loopback', 'local'], 0, [...V4, ...V6]],
  [[...V6, ...V4], [], 4, ['192.0.2.2', '192.0.2.3', '192.0.2.1', ...V6]],
  [['127.0.0.1', '::1'], ['loopback'], 0, ['::1', '127.0.0.1']],
  [['127.0.0.1', '::1'], ['global'], 0, ['127.0.0.1', '::1']],
  [['fd00::1', '10.0.0.1'], ['global'], 0, ['10.0.0.1', 'fd00::1']],
  [['10.0.0.1', 'fd00::1'], ['local'], 0, ['fd00::1', '10.0.0.1']],
  [[], ['global'], 3, []],
])('%j with IPv6 of %j, turn %d: %j', (addresses, own, turn, expected) => {
  const given = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }) as const);
  expect(orderAddresses(given, turn, new Set(own)).map(({ address }) => address)).toEqual(expected);
});
