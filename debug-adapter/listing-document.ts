import { pathToFileURL } from 'node:url';
import type { Listing } from '../toolchain';
import type { Image } from './image';
import { LISTING_SCHEME } from './protocol';

/** A listing with its place in the client's world. */
export interface ImageListing {
  readonly image: Image;
  /** Undefined if there is nothing to list; made when asked for. */
  readonly listing: Listing | undefined;
  /** `ringside-listing:<path of the image>.lst`; what a `Source.path` of it is. */
  readonly path: string;
  readonly name: string;
}

/** What a `Source.path` is for the listing of what `path` names. */
export function listingUri(path: string): string {
  return `${LISTING_SCHEME}:${pathToFileURL(path).pathname}.lst`;
}
