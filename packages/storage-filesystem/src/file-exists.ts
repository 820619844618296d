import type { Disk } from './disk.ts';
import { isAbsent } from './filesystem-error.ts';

export async function fileExists(disk: Disk, file: string): Promise<boolean> {
  try {
    await disk.stat(file);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}
