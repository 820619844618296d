import type { DiskFile } from './disk.ts';
import type { IncreasingClock } from './increasing-clock.ts';

const TOUCH_INTERVAL_MS = 60_000;
const MOST_REMEMBERED = 10_000;

/**
 * Records when objects were last used. The access time of a file persists its last use across restarts and shares it
 * with other processes. It is written at most once a minute for each file; later uses are kept in memory.
 */
export class RecentUses {
  readonly #clock: IncreasingClock;
  /** Least recent first. */
  readonly #uses = new Map<string, { usedAt: number; touchedAt: number }>();

  constructor(clock: IncreasingClock) {
    this.#clock = clock;
  }

  async note(name: string, file: DiskFile): Promise<void> {
    const now = this.#clock.now();
    const touchedAt = this.#uses.get(name)?.touchedAt ?? 0;
    const due = now - touchedAt >= TOUCH_INTERVAL_MS;
    this.#uses.delete(name);
    this.#uses.set(name, { usedAt: now, touchedAt: due ? now : touchedAt });
    for (const oldest of this.#uses.keys()) {
      if (this.#uses.size <= MOST_REMEMBERED) break;
      this.#uses.delete(oldest);
    }
    if (!due) return;
    const { mtime } = await file.stat();
    try {
      await file.utimes(now / 1000, mtime);
    } catch {
      // The file belongs to another user or is read-only, so only this process knows about the use.
    }
  }

  /** The later of the file's access time and the use in memory, in milliseconds since 1970. */
  lastUse(name: string, accessedAtMs: number): number {
    return Math.max(accessedAtMs, this.#uses.get(name)?.usedAt ?? 0);
  }

  forget(name: string): void {
    this.#uses.delete(name);
  }
}
