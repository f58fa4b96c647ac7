/** Paths without the host's path module: both separators are understood, `/` is written. */

/** Everything before the last separator; empty if there is none. */
export function directoryOf(path: string): string {
  const index = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'));
  return index < 0 ? '' : index === 0 ? '/' : path.slice(0, index);
}

export function isAbsolute(path: string): boolean {
  return /^([/\\]|[A-Za-z]:[/\\])/.test(path);
}

/** `name` seen from `directory`, with `.` and `..` folded. */
export function joinPath(directory: string, name: string): string {
  if (isAbsolute(name) || directory === '') return normalizePath(name);
  return normalizePath(`${directory}/${name}`);
}

export function normalizePath(path: string): string {
  const absolute = /^[/\\]/.test(path);
  const parts: string[] = [];
  for (const part of path.split(/[/\\]+/)) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts[parts.length - 1] !== '..') parts.pop();
    else if (part !== '..' || !absolute) parts.push(part);
  }
  const joined = parts.join('/');
  return absolute ? `/${joined}` : joined === '' ? '.' : joined;
}
