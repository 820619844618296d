import { describe, expect, test } from 'vitest';
import { isAddressAllowed, isGlobalUnicast, isMetadataHost, isSameAddress } from '../src/address-guard.ts';

test.each([
  '1.1.1.1',
  '8.8.8.8',
  '93.184.216.34',
  '100.63.255.255',
  '100.128.0.1',
  '172.15.255.255',
  '172.32.0.1',
  '168.63.129.15',
  '192.0.1.1',
  '198.17.255.255',
  '198.20.0.1',
  '223.255.255.255',
  '2606:4700::1111',
  '2a00:1450:4001:830::200e',
  '2001:200::1',
  '2620:4f:8001::1',
  '2a00:1450::5efe',
  '2a00:1450::100:5efe:808:808',
])('%s is globally reachable', (address) => {
  expect(isGlobalUnicast(address)).toBe(true);
  expect(isAddressAllowed(address, false)).toBe(true);
});

describe('not globally reachable:', () => {
  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '100.100.100.200',
    '100.127.255.255',
    '127.0.0.1',
    '127.127.127.127',
    '168.63.129.16',
    '169.254.0.1',
    '169.254.42.42',
    '169.254.169.254',
    '169.254.170.2',
    '172.16.0.1',
    '172.17.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.0.192',
    '192.0.2.1',
    '192.31.196.1',
    '192.52.193.1',
    '192.88.99.1',
    '192.168.0.1',
    '192.175.48.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '0000:0000:0000:0000:0000:0000:0000:0001',
    '::7f00:1',
    '::8.8.8.8',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:a9fe:a9fe',
    '::ffff:6440:1',
    '::ffff:0:7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::808:808',
    '64:ff9b:1::a9fe:a9fe',
    '100::1',
    '100:0:0:1::1',
    '2001::1',
    '2001:0:a9fe:a9fe::1',
    '2001:2::1',
    '2001:3::1',
    '2001:4:112::1',
    '2001:10::1',
    '2001:20::1',
    '2001:30::1',
    '2001:db8::1',
    '2001:db8::5efe:7f00:1',
    '2002:7f00:1::',
    '2002:c0a8:101::1',
    '2002:808:808::1',
    '2a00:1450::5efe:7f00:1',
    '2a00:1450::5efe:10.0.0.1',
    '2a00:1450::200:5efe:a9fe:a9fe',
    '2620:4f:8000::1',
    '3fff::1',
    '4000::1',
    '5f00::1',
    'fc00::1',
    'fd00::5',
    'fd00:ec2::254',
    'fd20:ce::254',
    'fe80::1',
    'fe80::1%eth0',
    '2606:4700::1111%eth0',
    'fec0::1',
    'ff02::1',
    'ff0e::1',
    '',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '8.8.8',
    '08.8.8.8',
    '256.0.0.1',
    '8.8.8.8 ',
    '[2606:4700::1111]',
  ])('%s', (address) => {
    expect(isGlobalUnicast(address)).toBe(false);
    expect(isAddressAllowed(address, false)).toBe(false);
  });
});

test.each(['127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1', '::1', 'fd00::5', '8.8.8.8'])(
  'a rule with privateAddresses allows %s',
  (address) => {
    expect(isAddressAllowed(address, true)).toBe(true);
  },
);

test.each([
  '0.0.0.0',
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  'fe80::1',
  'fd00:ec2::254',
  'fd20:ce::254',
  'fd00:c1::a9fe:a9fe',
  'fd00:42::42',
  '::ffff:127.0.0.1',
  '64:ff9b::a9fe:a9fe',
  'fd00::5efe:7f00:1',
  'ff02::1',
  'nonsense',
])('no rule allows %s', (address) => {
  expect(isAddressAllowed(address, true)).toBe(false);
});

test.each([
  ['metadata.google.internal', true],
  ['metadata.google.internal.', true],
  ['METADATA', true],
  ['instance-data', true],
  ['rancher-metadata', true],
  ['metadata.example.com', false],
  ['artifacts.example.com', false],
])('%s names a metadata service: %s', (host, expected) => {
  expect(isMetadataHost(host)).toBe(expected);
});

test.each([
  ['1.1.1.1', '1.1.1.1', true],
  ['2606:4700::1111', '2606:4700:0:0:0:0:0:1111', true],
  ['2606:4700::ABCD', '2606:4700::abcd', true],
  ['1.1.1.1', '1.1.1.2', false],
  ['1.1.1.1', '::ffff:1.1.1.1', false],
  ['localhost', 'localhost', false],
])('%s and %s are the same address: %s', (one, other, expected) => {
  expect(isSameAddress(one, other)).toBe(expected);
});
