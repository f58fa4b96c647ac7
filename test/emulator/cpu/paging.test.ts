import assert from 'node:assert/strict';
import { PageAccess } from '../../../emulator/cpu/paging';
import { Cr0, Cr4, Efer, Flag } from '../../../emulator/cpu/state';
import { longModeCpu, PD, PDPT, PML4, PT, protectedModeCpu, testCpu, type TestCpu } from './support';

const READ = PageAccess.READ;
const WRITE = PageAccess.WRITE;
const USER = PageAccess.USER;
const FETCH = PageAccess.FETCH;
const VA = 0x5678;

/** 4-level paging with one 4 KiB page at VA 5000h, entry as given. */
function cpuWithPage(entry: bigint): TestCpu {
  const cpu = longModeCpu();
  cpu.memory.writeU64(PD, BigInt(PT | 7));
  cpu.memory.writeU64(PT + 5 * 8, entry);
  return cpu;
}

/** 'ok' or the error code of the #PF in hex. */
function attempt(cpu: TestCpu, access: number, vaLow = VA, vaHigh = 0): string {
  return cpu.paging.walk(vaHigh, vaLow, access) ? 'ok' : cpu.paging.errorCode.toString(16);
}

describe('paging, 4-level', () => {
  it('translates a 4 KiB page and sets A in every entry, D on a write only', () => {
    const cpu = cpuWithPage(0x7007n);
    assert.equal(attempt(cpu, READ), 'ok');
    assert.equal(cpu.paging.page, 0x7000);
    assert.equal(cpu.paging.pageBytes, 4096);
    assert.equal(cpu.paging.writable, false, 'D is still clear');
    assert.equal(cpu.memory.readU64(PML4), BigInt(PDPT | 0x27));
    assert.equal(cpu.memory.readU64(PD), BigInt(PT | 0x27));
    assert.equal(cpu.memory.readU64(PT + 40), 0x7027n);
    assert.equal(attempt(cpu, WRITE), 'ok');
    assert.equal(cpu.paging.writable, true);
    assert.equal(cpu.memory.readU64(PT + 40), 0x7067n);
    assert.equal(cpu.memory.readU64(PD), BigInt(PT | 0x27), 'D is for the leaf');
  });

  it('writes page tables only when A or D changes', () => {
    const cpu = cpuWithPage(0x7067n);
    attempt(cpu, WRITE);
    let writes = 0;
    cpu.memory.codePages.fill(1);
    cpu.memory.codeWritten = () => writes++;
    attempt(cpu, WRITE);
    assert.equal(writes, 0);
  });

  it('reports P, W, U and I/D in the error code', () => {
    const absent = cpuWithPage(0n);
    assert.equal(attempt(absent, READ), '0');
    assert.equal(attempt(absent, WRITE), '2');
    assert.equal(attempt(absent, USER), '4');
    assert.equal(attempt(absent, USER | WRITE), '6');
    assert.equal(attempt(absent, USER | FETCH), '14');
    absent.state.efer &= ~Efer.NXE;
    assert.equal(attempt(absent, USER | FETCH), '4', 'no I/D without NXE and SMEP');
    absent.state.cr4 |= Cr4.SMEP;
    assert.equal(attempt(absent, USER | FETCH), '14');
    assert.equal(attempt(cpuWithPage(0x7003n), USER), '5');
    assert.equal(attempt(cpuWithPage(0x7005n), USER | WRITE), '7');
    assert.equal(attempt(cpuWithPage(0x8000000000007007n), USER | FETCH), '15');
    assert.equal(attempt(cpuWithPage(0x8000000000007003n), FETCH), '11');
  });

  it('leaves the tables alone when it faults', () => {
    const cpu = cpuWithPage(0x7005n);
    attempt(cpu, USER | WRITE);
    assert.equal(cpu.memory.readU64(PML4), BigInt(PDPT | 7));
    assert.equal(cpu.memory.readU64(PT + 40), 0x7005n);
  });

  it('combines the rights of all levels', () => {
    const cpu = cpuWithPage(0x7007n);
    cpu.memory.writeU64(PDPT, BigInt(PD | 5));
    assert.equal(attempt(cpu, USER | WRITE), '7');
    cpu.memory.writeU64(PDPT, BigInt(PD | 3));
    assert.equal(attempt(cpu, USER), '5');
    cpu.memory.writeU64(PDPT, BigInt(PD | 7) | (1n << 63n));
    assert.equal(attempt(cpu, USER | FETCH), '15');
  });

  it('lets the supervisor write a read-only page only without CR0.WP', () => {
    const cpu = cpuWithPage(0x7041n);
    assert.equal(attempt(cpu, WRITE), '3');
    cpu.state.cr0 = (cpu.state.cr0 & ~Cr0.WP) >>> 0;
    assert.equal(attempt(cpu, WRITE), 'ok');
    assert.equal(attempt(cpu, USER | WRITE), '7');
  });

  it('reports reserved bits: beyond MAXPHYADDR, XD without NXE, PS in a PML4 entry, low frame bits of large pages', () => {
    assert.equal(attempt(cpuWithPage(0x10000007007n), READ), '9');
    assert.equal(attempt(cpuWithPage(0x10000007007n), USER | WRITE), 'f');
    const noNxe = cpuWithPage(0x8000000000007007n);
    noNxe.state.efer &= ~Efer.NXE;
    assert.equal(attempt(noNxe, READ), '9');
    const ps = longModeCpu();
    ps.memory.writeU64(PML4, BigInt(PDPT | 0x87));
    assert.equal(attempt(ps, READ), '9');
    const misaligned = longModeCpu();
    misaligned.memory.writeU64(PD, 0x2087n);
    assert.equal(attempt(misaligned, READ), '9');
    const ignored = cpuWithPage(0x7ff0000000007007n);
    assert.equal(attempt(ignored, READ), 'ok', 'bits 62..52 are ignored');
  });

  it('maps 2 MiB and 1 GiB pages', () => {
    const cpu = longModeCpu();
    cpu.memory.writeU64(PD + 8, 0x40000087n);
    assert.equal(attempt(cpu, READ, 0x345678), 'ok');
    assert.equal(cpu.paging.page, 0x40145000);
    assert.equal(cpu.paging.pageBytes, 0x200000);
    cpu.memory.writeU64(PDPT + 8, 0xc0000087n);
    assert.equal(attempt(cpu, READ, 0x52345678), 'ok');
    assert.equal(cpu.paging.page, 0xd2345000);
    assert.equal(cpu.paging.pageBytes, 0x40000000);
  });

  it('uses all 48 address bits', () => {
    const cpu = longModeCpu();
    cpu.memory.writeU64(PML4 + 511 * 8, BigInt(PDPT | 3));
    cpu.memory.writeU64(PDPT + 510 * 8, BigInt(PD | 3));
    assert.equal(attempt(cpu, READ, 0x80005678 | 0, 0xffffffff | 0), 'ok');
    assert.equal(cpu.paging.page, 0x5000);
    assert.equal(cpu.paging.probe(0xffffffff80005678n)?.pa, 0x5678);
  });

  it('SMEP keeps the supervisor from fetching user pages', () => {
    const cpu = cpuWithPage(0x7007n);
    assert.equal(attempt(cpu, FETCH), 'ok');
    cpu.state.cr4 |= Cr4.SMEP;
    assert.equal(attempt(cpu, FETCH), '11');
  });

  it('SMAP keeps the supervisor from user data unless AC is set and the access is explicit', () => {
    const cpu = cpuWithPage(0x7007n);
    cpu.state.cr4 |= Cr4.SMAP;
    assert.equal(attempt(cpu, READ), '1');
    assert.equal(attempt(cpu, WRITE), '3');
    cpu.state.rflags |= Flag.AC;
    assert.equal(attempt(cpu, READ), 'ok');
    assert.equal(attempt(cpu, PageAccess.IMPLICIT), '1');
  });

  it('reports global pages when CR4.PGE is set', () => {
    const cpu = cpuWithPage(0x7107n);
    attempt(cpu, READ);
    assert.equal(cpu.paging.global, false);
    cpu.state.cr4 |= Cr4.PGE;
    attempt(cpu, READ);
    assert.equal(cpu.paging.global, true);
  });

  it('faults on tables outside of memory', () => {
    const cpu = cpuWithPage(0x7007n);
    cpu.memory.writeU64(PD, 0x30000007n);
    assert.equal(attempt(cpu, READ), '9', 'all ones: present, with reserved bits');
  });
});

describe('paging, debugger probe', () => {
  it('translates without touching A and D', () => {
    const cpu = cpuWithPage(0x7003n);
    const found = cpu.paging.probe(BigInt(VA));
    assert.deepEqual(
      [found?.pa, found?.writable, found?.userAccessible, found?.executable, found?.dirty],
      [0x7678, true, false, true, false],
    );
    assert.equal(cpu.memory.readU64(PT + 40), 0x7003n);
    assert.equal(cpu.paging.probe(0x400000n), undefined);
  });

  it('looks into another address space', () => {
    const cpu = cpuWithPage(0x7007n);
    const other = 0x6000;
    cpu.memory.writeU64(other + 8, BigInt(PDPT | 7));
    assert.equal(cpu.paging.probe(BigInt(VA) + (1n << 39n), BigInt(other))?.pa, 0x7678);
    assert.equal(cpu.paging.probe(BigInt(VA) + (1n << 39n)), undefined);
  });
});

describe('paging, 32-bit and PAE', () => {
  it('is the identity without CR0.PG', () => {
    const cpu = protectedModeCpu();
    assert.equal(attempt(cpu, USER | WRITE, 0xfffff123 | 0), 'ok');
    assert.equal(cpu.paging.page, 0xfffff000);
  });

  it('walks two levels of four-byte entries', () => {
    const cpu = protectedModeCpu();
    cpu.state.cr0 = (cpu.state.cr0 | Cr0.PG | Cr0.WP) >>> 0;
    cpu.state.cr3 = BigInt(PD);
    cpu.memory.writeU32(PD + 4, PT | 7);
    cpu.memory.writeU32(PT + 4 * 4, 0x9005);
    assert.equal(attempt(cpu, USER, 0x404abc), 'ok');
    assert.equal(cpu.paging.page, 0x9000);
    assert.equal(cpu.memory.readU32(PT + 16), 0x9025);
    assert.equal(attempt(cpu, USER | WRITE, 0x404abc), '7');
    assert.equal(attempt(cpu, FETCH, 0x800000), '0', 'no I/D in 32-bit paging');
  });

  it('maps 4 MiB pages with CR4.PSE, 40 bits of frame with PSE-36', () => {
    const cpu = protectedModeCpu();
    cpu.state.cr0 = (cpu.state.cr0 | Cr0.PG) >>> 0;
    cpu.state.cr4 = Cr4.PSE;
    cpu.state.cr3 = BigInt(PD);
    cpu.memory.writeU32(PD, 0x00c00083 | (0x5a << 13));
    assert.equal(attempt(cpu, READ, 0x123456), 'ok');
    assert.equal(cpu.paging.page, 0x5a00d23000);
    cpu.memory.writeU32(PD, 0x00e00083);
    assert.equal(attempt(cpu, READ, 0x123456), '9', 'bit 21 is reserved');
  });

  it('walks PAE tables from the four loaded entries', () => {
    const cpu = testCpu();
    cpu.state.cr0 = 0x80000011;
    cpu.state.cr4 = Cr4.PAE;
    cpu.state.cr3 = BigInt(PDPT);
    cpu.memory.writeU64(PDPT + 8, BigInt(PD | 1));
    cpu.state.pdptes.set(cpu.paging.readPdptes(cpu.state.cr3));
    cpu.memory.writeU64(PD, BigInt(PT | 7));
    cpu.memory.writeU64(PT + 8, 0x7007n);
    assert.equal(attempt(cpu, USER | WRITE, 0x40001234), 'ok');
    assert.equal(cpu.paging.page, 0x7000);
    assert.equal(attempt(cpu, READ, 0x1234), '0');
    cpu.memory.writeU64(PT + 8, 0x10000000007007n);
    assert.equal(attempt(cpu, READ, 0x40001234), '9', 'bits 62..52 are reserved in PAE');
  });
});
