/** Initial file systems for a Linux kernel: one program as PID 1, or busybox with a shell. */
import { gzipSync } from 'fflate';
import { type CpioEntry, writeCpio } from './cpio';

const EXECUTABLE = 0o755;

/** What a kernel needs to give PID 1 a standard input and output: the node of its console. */
const CONSOLE: readonly CpioEntry[] = [
  { kind: 'folder', path: 'dev' },
  { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
  { kind: 'character-device', path: 'dev/null', major: 1, minor: 3, permissions: 0o666 },
  { kind: 'character-device', path: 'dev/ttyS0', major: 4, minor: 64, permissions: 0o666 },
];

/**
 * The entries of a folder as an archive, with the device nodes that a first process needs and nobody but root could have
 * made in it; those that are there are left as they are.
 */
export function folderInitramfs(entries: readonly CpioEntry[]): Uint8Array {
  const present = new Set(entries.map(({ path }) => path));
  return writeCpio([...entries, ...CONSOLE.filter(({ path }) => !present.has(path))]);
}

/** A static executable as /init. */
export function programInitramfs(program: Uint8Array): Uint8Array {
  return writeCpio([...CONSOLE, { kind: 'file', path: 'init', data: program, permissions: EXECUTABLE }]);
}

export interface BusyboxOptions {
  /** Runs before the shell, or instead of it if it does not return; lines of sh. */
  readonly script?: string;
  /** Further entries, such as a program to try. */
  readonly entries?: readonly CpioEntry[];
}

/** A static busybox with its common commands, /proc, /sys and /dev mounted, and a shell on the console. */
export function busyboxInitramfs(busybox: Uint8Array, { script = '', entries = [] }: BusyboxOptions = {}): Uint8Array {
  return writeCpio([
    ...CONSOLE,
    ...['bin', 'etc', 'proc', 'root', 'sys', 'tmp'].map((path): CpioEntry => ({ kind: 'folder', path })),
    { kind: 'file', path: 'bin/busybox', data: busybox, permissions: EXECUTABLE },
    ...COMMANDS.map((name): CpioEntry => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' })),
    { kind: 'file', path: 'init', data: new TextEncoder().encode(initScript(script)), permissions: EXECUTABLE },
    ...entries,
  ]);
}

/** Compresses an archive; the kernel recognizes it. */
export function gzipInitramfs(archive: Uint8Array): Uint8Array {
  return gzipSync(archive, { mtime: 0 });
}

/** Kernels may lack any of the file systems. The shell becomes the leader of a session so that ^C works. */
function initScript(script: string): string {
  return [
    '#!/bin/sh',
    'export PATH=/bin HOME=/root TERM=linux',
    'mount -t devtmpfs devtmpfs /dev 2>/dev/null',
    'mount -t proc proc /proc',
    'mount -t sysfs sysfs /sys',
    ...(script === '' ? [] : [script]),
    "exec setsid sh -c 'exec sh </dev/ttyS0 >/dev/ttyS0 2>&1'",
    '',
  ].join('\n');
}

/** Commands that get a link of their own; others run as `busybox NAME`. */
const COMMANDS = [
  ...['sh', 'ash', 'cat', 'chmod', 'clear', 'cp', 'cut', 'date', 'dd', 'df', 'dmesg', 'du', 'echo', 'env', 'false'],
  ...['find', 'free', 'grep', 'gunzip', 'gzip', 'halt', 'head', 'hexdump', 'id', 'kill', 'less', 'ln', 'ls', 'md5sum'],
  ...['mkdir', 'mknod', 'more', 'mount', 'mv', 'od', 'poweroff', 'ps', 'pwd', 'reboot', 'rm', 'rmdir', 'sed', 'seq'],
  ...['setsid', 'sha256sum', 'sleep', 'sort', 'stty', 'sync', 'tail', 'tar', 'test', 'time', 'top', 'touch', 'tr'],
  ...['true', 'tty', 'umount', 'uname', 'uniq', 'uptime', 'vi', 'wc', 'which', 'xargs', 'yes'],
] as const;
