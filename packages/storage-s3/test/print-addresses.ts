import { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { S3StorageProvider, type S3StorageProviderOptions } from '../src/adapter.ts';
import { KEY_LAYOUT } from './key-layout.ts';

/*
 * Prints the addresses of the key in the second argument for a provider with the options in the first argument, and the
 * host to which the provider sends requests. All connections are refused, so no traffic leaves the machine.
 */
const [, , options = '{}', key = 'k'] = process.argv;
const asked = new Set<string>();
for (const agent of [Agent, HttpsAgent])
  agent.prototype.createConnection = function refuse(
    this: unknown,
    to: { readonly host?: string; readonly port?: number | string },
    callback?: (error: Error | null, stream: Duplex) => void,
  ) {
    asked.add(hostOf(to));
    callback?.(new Error('no connections here'), undefined as unknown as Duplex);
    return undefined;
  };

function hostOf({ host = '', port }: { readonly host?: string; readonly port?: number | string }): string {
  return port === undefined || ['80', '443'].includes(String(port)) ? host : `${host}:${String(port)}`;
}

function open(more: Partial<S3StorageProviderOptions>): S3StorageProvider {
  return new S3StorageProvider({
    bucket: 'copies',
    region: 'us-west-2',
    access: 'public',
    signedUrlSeconds: 60,
    lifespanDays: 1,
    keyLayout: KEY_LAYOUT,
    maxAttempts: 1,
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    ...(JSON.parse(options) as Partial<S3StorageProviderOptions>),
    ...more,
  });
}

await using provider = open({});
await using signing = open({ access: 'signed' });
await using cdn = open({ publicUrl: 'https://cdn.example.com' });
await provider.head(key).catch(() => undefined);
process.stdout.write(
  JSON.stringify({
    asked: [...asked].join(),
    public: await provider.urlFor(key, 'GET'),
    signed: await signing.urlFor(key, 'GET'),
    cdn: await cdn.urlFor(key, 'GET'),
  }),
);
