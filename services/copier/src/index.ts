export { Copier, type CopierOptions } from './copier.ts';
