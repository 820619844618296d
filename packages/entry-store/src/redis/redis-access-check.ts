import type { EntryCommands } from './scripts/index.ts';

const CHECK_LIFE_MS = 1_000;
/** Not the name of an object, so listeners ignore it. */
const CHECK_NAME = 'check';

/** Not the digest of any script. NOSCRIPT shows that EVALSHA is permitted, which is all that the check needs. */
const NO_SCRIPT = '0'.repeat(40);

function unlessMissing(error: unknown): void {
  if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
}

/**
 * Runs every command that the entry store needs, on a separate key and on the channel of changes. A missing permission
 * in the ACL then shows in the health check and not in failing claims. ACL DRYRUN is no alternative: such a user may not
 * call it.
 *
 * @throws EntryStoreError if a command fails
 */
export async function checkAccess(
  commands: EntryCommands,
  { keyPrefix, channel }: { readonly keyPrefix: string; readonly channel: string },
): Promise<void> {
  const key = `{${keyPrefix}:check}`;
  await commands.call((client, scripts) =>
    Promise.all([
      // First, because its error states most plainly why the server refuses writes.
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
