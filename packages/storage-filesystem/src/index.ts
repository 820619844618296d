export { FILESYSTEM_KIND } from './filesystem-kind.ts';
export type { FilesystemService } from './filesystem-schema.ts';
