import type { Redis } from 'ioredis';

/** Redis closed a new connection with an error, before any command. */
class RefusedConnectionError extends Error {
  override readonly name = 'ReplyError';
}

/**
 * The errors that Redis sends on its own account, right after it accepts a connection that it then closes: `acceptCommonHandler` in its
 * networking.c.
 */
const UNASKED = /^-((?:DENIED|ERR max number of clients)[^\r\n]*)/;
const MOST_BYTES = 1_024;

/**
 * Calls `refused` with the reason if Redis closes a new connection unasked, in protected mode or beyond `maxclients`.
 *
 * ioredis takes such an error for the answer to its first command. In the text of `DENIED` it finds "no password is set" and ignores it, so
 * that only an EPIPE of a later command remains.
 */
export function watchRefusedConnections(client: Redis, refused: (error: Error) => void): void {
  client.on('connect', () => {
    client.stream.once('data', (chunk: Buffer) => {
      const [, reason] = UNASKED.exec(chunk.toString('latin1', 0, MOST_BYTES)) ?? [];
      if (reason !== undefined) refused(new RefusedConnectionError(reason));
    });
  });
}
