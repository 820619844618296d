import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RenewableCredentials } from '../src/index.ts';
import type { CredentialsSource } from '../src/index.ts';
import { profileText, useCredentialsFile } from '@cloud-mirror/testing/credentials-file';
import type { CredentialsFile } from '@cloud-mirror/testing/credentials-file';

let file: CredentialsFile;
beforeEach(async () => {
  file = await useCredentialsFile(profileText('default', 'old') + profileText('mirror', 'old-of-profile'));
});
afterEach(() => file[Symbol.asyncDispose]());

async function keyOf(credentials: RenewableCredentials): Promise<string> {
  return (await credentials.provider()).accessKeyId;
}

const SOURCES: readonly (readonly [string, CredentialsSource, string, string])[] = [
  ["the SDK's chain", 'chain', 'default', 'old'],
  ['a profile', { profile: 'mirror' }, 'mirror', 'old-of-profile'],
];

describe.each(SOURCES)('%s', (_name, source, profile, old) => {
  test('is reloaded from a rewritten file after a refusal', async () => {
    const credentials = new RenewableCredentials(source);
    expect(await keyOf(credentials)).toBe(old);
    const refused = credentials.current;
    await file.write(profileText(profile, 'new'));
    expect(await credentials.renew(refused)).toBe(true);
    expect(await keyOf(credentials)).toBe('new');
    // A second request that was signed with the old credentials is refused later.
    expect(await credentials.renew(refused)).toBe(true);
  });

  // Signing an address gets no answer from AWS, so there may never be a refusal.
  test('is reloaded from a rewritten file without a refusal', async () => {
    const credentials = new RenewableCredentials(source);
    await credentials.provider();
    await file.write(profileText(profile, 'new'));
    await expect.poll(() => keyOf(credentials), { timeout: 20_000 }).toBe('new');
  });

  test('stays the same if the file has no new credentials or cannot be parsed', async () => {
    const credentials = new RenewableCredentials(source);
    const used = await credentials.provider();
    expect(await credentials.renew(used)).toBe(false);
    await file.write('[half');
    expect(await credentials.renew(used, 'refused')).toBe(false);
    expect(await credentials.provider()).toBe(used);
  });
});

test('a missing profile is an error and does not fall back to the role of the machine', async () => {
  const credentials = new RenewableCredentials({ profile: 'absent' });
  await expect(credentials.provider()).rejects.toMatchObject({ name: 'CredentialsProviderError' });
  await file.write(profileText('absent', 'late'));
  expect(await keyOf(credentials)).toBe('late');
});

test('literal credentials are never reloaded', async () => {
  const credentials = new RenewableCredentials({ accessKeyId: 'id', secretAccessKey: 'secret' });
  expect(await credentials.renew(await credentials.provider())).toBe(false);
  expect(await keyOf(credentials)).toBe('id');
});

test('repeated unclear refusals cause one reload', async () => {
  const credentials = new RenewableCredentials('chain');
  const used = await credentials.provider();
  expect(await credentials.renew(used, 'unclear')).toBe(false);
  await file.write(profileText('default', 'new'));
  expect(await credentials.renew(used, 'unclear')).toBe(false);
  await vi.waitFor(async () => expect(await credentials.renew(used, 'refused')).toBe(true), 20_000);
});
