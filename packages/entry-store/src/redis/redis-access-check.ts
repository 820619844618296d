import type { EntryCommands } from './scripts/index.ts';

const CHECK_LIFE_MS = 1_000;
/** No name of an object: listeners pass over it. */
const CHECK_NAME = 'check';

/** Digest of no script: to be allowed to ask for one by its digest is all that counts. */
const NO_SCRIPT = '0'.repeat(40);

function unlessMissing(error: unknown): void {
  if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
}

/**
 * Uses every command that the entry store needs, on a key of its own and on the channel of changes: a user whose ACL lacks one of
 * them is told by the health check, and not by claims that fail. A trial and not ACL DRYRUN, which such a user may not call.
 *
 * @throws EntryStoreError
 */
export async function checkAccess(
  commands: EntryCommands,
  { keyPrefix, channel }: { readonly keyPrefix: string; readonly channel: string },
): Promise<void> {
  const key = `{${keyPrefix}:check}`;
  await commands.call((client, scripts) =>
    Promise.all([
      // First, since its refusal says most plainly why nothing can be written.
      client.set(key, '1', 'PX', CHECK_LIFE_MS),
      client.get(key),
      client.mget([key]),
      client.del(key),
      client.unlink(key),
      client.publish(channel, CHECK_NAME),
      client.eval('return 1', 1, key),
      client.evalsha(NO_SCRIPT, 1, key).catch(unlessMissing),
      scripts.checkAccess(key, channel, CHECK_NAME),
    ]),
  );
  const [server] = commands.primaries();
  if (server !== undefined)
    await commands.call(() => server.scan('0', 'MATCH', `{${CHECK_NAME}}`, 'COUNT', 1));
}
