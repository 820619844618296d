import { stat } from 'node:fs/promises';
import { isAbsent } from './filesystem-error.ts';

export async function fileExists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}
