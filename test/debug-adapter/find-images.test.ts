import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foundKernel, initrdBeside, installedKernels, staticBusybox } from '../../debug-adapter/linux/find-images';
import { bzImage, smallVmlinux } from '../toolchain/linux/small-kernel';

describe('kernels to choose from', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-images-'));
  const write = (name: string, content: Uint8Array | string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  after(() => rmSync(folder, { recursive: true }));

  /** With what `file` and boot loaders read: a pointer to the text of the version. */
  function withVersion(version: string): Uint8Array {
    const image = bzImage(Uint8Array.of(1));
    const at = 0x300;
    image.set(new TextEncoder().encode(`${version} (somebody@somewhere) #1 SMP\0`), 0x200 + at);
    image.set([at & 0xff, at >> 8], 0x20e);
    return image;
  }

  it('finds bzImage and vmlinux by name and content, and tells versions', () => {
    const boot = join(folder, 'boot');
    const modules = join(folder, 'modules');
    mkdirSync(boot);
    mkdirSync(join(modules, '6.12.1'), { recursive: true });
    write('boot/vmlinuz-6.1.0-49-cloud-amd64', withVersion('6.1.0-49-cloud-amd64'));
    write('boot/vmlinux', smallVmlinux());
    write('boot/vmlinuz-text', 'no kernel');
    write('boot/config-6.1', withVersion('6.1'));
    write('modules/6.12.1/vmlinuz', withVersion('6.12.1'));
    const found = installedKernels(boot, modules).map(({ path, version }) => [path.slice(folder.length), version]);
    assert.deepEqual(found, [
      ['/boot/vmlinuz-6.1.0-49-cloud-amd64', '6.1.0-49-cloud-amd64'],
      ['/boot/vmlinux', undefined],
      ['/modules/6.12.1/vmlinuz', '6.12.1'],
    ]);
    assert.equal(foundKernel(join(folder, 'none')), undefined);
  });

  it('finds the initial RAM disk that was installed with a kernel', () => {
    const kernel = write('vmlinuz-6.1.0-49-amd64', withVersion('6.1.0-49-amd64'));
    assert.equal(initrdBeside(kernel), undefined);
    const initrd = write('initrd.img-6.1.0-49-amd64', 'x');
    assert.equal(initrdBeside(kernel), initrd);
  });

  it('takes a busybox that needs no dynamic loader', () => {
    const program = write('static', smallVmlinux());
    const interpreted = smallVmlinux().slice();
    // The first program header becomes PT_INTERP.
    interpreted[Number(new DataView(interpreted.buffer).getBigUint64(32, true))] = 3;
    const dynamic = write('dynamic', interpreted);
    assert.equal(staticBusybox([join(folder, 'none'), dynamic, program]), program);
    assert.equal(staticBusybox([dynamic]), undefined);
  });
});
