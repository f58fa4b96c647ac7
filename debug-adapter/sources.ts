/** Sources and modules (DAP `loadedSources`, `source`, `modules`). */
import { basename, resolve } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { SourceLocation } from '../toolchain';
import { AdapterError } from './errors';
import type { Image } from './image';
import { codeRanges } from './image';
import type { Listings } from './listing';
import { hex } from './memory';
import type { Target } from './target';

export class Sources {
  constructor(
    private readonly target: Target,
    private readonly listings: Listings,
    private readonly readSource: (path: string) => string | undefined,
  ) {}

  /** DAP `loadedSources`: the files code comes from, and the listings. */
  loaded(): DebugProtocol.Source[] {
    return [
      ...this.target.lines.files.map((path) => ({ name: basename(path), path })),
      ...this.listings.all.map(({ name, path }) => ({ name, path, origin: 'generated listing' })),
    ];
  }

  /** DAP `source`: the text of a listing, or of a file for a client on another machine. */
  text({ source }: DebugProtocol.SourceArguments): DebugProtocol.SourceResponse['body'] {
    const path = source?.path ?? '';
    const listing = this.listings.byPath(path);
    const content = listing ? listing.listing?.text : this.fileText(path);
    if (content === undefined)
      throw new AdapterError(`There is no source ${path || '(no path given)'} in this session.`);
    return { content, mimeType: listing ? 'text/x-ringside-listing' : 'text/x-asm' };
  }

  /** Only files of the session are given away. */
  private fileText(path: string): string | undefined {
    return this.target.lines.files.includes(resolve(path)) ? this.readSource(path) : undefined;
  }

  /** Where a frame is shown: its source line, else its line in a listing. Lines and columns count from 1. */
  place(
    location: SourceLocation | undefined,
    va: bigint,
  ): { source: DebugProtocol.Source; line: number; column: number } | undefined {
    if (location) {
      const path = resolve(location.file);
      // A client marks a column beyond the first with an arrow of its own: worth it only where the line is ambiguous.
      const isAmbiguous = this.target.lines.hasSeveralStatements(path, location.line);
      const column = isAmbiguous ? Math.max(1, location.column) : 1;
      return { source: { name: basename(path), path }, line: location.line, column };
    }
    const listed = this.listings.lineOf(va);
    if (!listed) return undefined;
    const { name, path } = listed.entry;
    return { source: { name, path, origin: 'generated listing' }, line: listed.line, column: 1 };
  }

  /** DAP `modules`: the images. */
  modules(): DebugProtocol.Module[] {
    return this.target.images.map(moduleOf);
  }
}

/** An image's identity in stack frames and in `modules`. */
export function moduleId(image: Image): string {
  return image.role;
}

function moduleOf(image: Image): DebugProtocol.Module {
  const ranges = codeRanges(image);
  return {
    id: moduleId(image),
    name: basename(image.path),
    path: image.path,
    symbolStatus: image.debugInfo ? 'Symbols and lines' : image.elf ? 'Symbols' : 'No symbols: a flat image',
    ...(ranges.length > 0 ? { addressRange: `${hex(ranges[0].start)}-${hex(ranges[ranges.length - 1].end)}` } : {}),
  };
}
