import type { FileHandle } from 'node:fs/promises';
import type { IncreasingClock } from './increasing-clock.ts';

const TOUCH_INTERVAL_MS = 60_000;
const MOST_REMEMBERED = 10_000;

/**
 * When objects were last used. The file's access time keeps it over restarts and for other processes, written at most
 * once a minute for each file; uses in between are remembered here.
 */
export class RecentUses {
  readonly #clock: IncreasingClock;
  /** Least recent first. */
  readonly #uses = new Map<string, { usedAt: number; touchedAt: number }>();

  constructor(clock: IncreasingClock) {
    this.#clock = clock;
  }

  async note(name: string, file: FileHandle): Promise<void> {
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
      // Somebody else's file, or a read-only one: it is then remembered by this process alone.
    }
  }

  /** The later of what the file says and what is remembered, in milliseconds since 1970. */
  lastUse(name: string, accessedAtMs: number): number {
    return Math.max(accessedAtMs, this.#uses.get(name)?.usedAt ?? 0);
  }

  forget(name: string): void {
    this.#uses.delete(name);
  }
}
