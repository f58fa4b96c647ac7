import type { Scanner } from '../scanner';
import type { Assembly } from '../assembly';

/** Assembles one directive; the scanner stands behind its name. Throws a StatementError for what is wrong. */
export type Directive = (assembly: Assembly, scanner: Scanner, name: string) => void;

export type Directives = Readonly<Record<string, Directive>>;
