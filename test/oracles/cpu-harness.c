/*
 * Executes instructions on the processor at hand, for comparison with the emulator. Cases come on standard input, results
 * go to standard output; both are the structures below, as they lie in memory (test/oracles/silicon.ts is the other end).
 *
 * No tracing is involved: around the code of a case everything is HLT, which at CPL 3 raises #GP. Whatever the case does,
 * it ends with an exception: its own, or that of the HLT (or the unmapped page) it arrives at. The signal handler reads
 * the state from the signal frame, puts the state of the next case there, and returns into it.
 *
 * Freestanding, so that nothing here depends on the FS base, which belongs to the cases; linked high, so that the low 4 GiB
 * belong to them, too.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

/* The addresses, sizes and what surrounds the code of a case are also in test/oracles/case.ts. */
#define CODE 0x13570000UL
#define CODE_BYTES 0x2000UL
#define WINDOW 0x24680000UL
#define WINDOW_BYTES 0x3000UL
#define READ_ONLY_FROM 0x2000UL
/* The window again, for 16-bit addresses, where the system allows it to be there. */
#define LOW_WINDOW 0x8000UL
#define FILLER 0xf4
#define LEAD_IN 0x90

/* What of x87, SSE and AVX state goes to and fro (test/oracles/extended-state.ts): two parts of the XSAVE area. */
#define LEGACY_BYTES 416
#define YMM_HIGH_AT 576
#define YMM_HIGH_BYTES 256
#define XSTATE_BV_AT 512
#define MXCSR_MASK_AT 28
#define XSTATE_AVX 4
#define XSTATE_ALL 7

struct test_case {
  uint64_t gpr[16]; /* in encoding order */
  uint64_t fs_base, gs_base;
  uint32_t rflags;
  uint16_t code_offset;
  uint8_t code_length;
  uint8_t compatibility; /* 1: run in compatibility mode */
  uint8_t code[32];
  uint32_t patch_offset[2], patch_length[2]; /* where in the window the bytes go that follow */
  uint32_t extended; /* 1: x87, SSE and AVX state follows the patches, and the result */
  uint32_t unused;
};

struct result {
  uint64_t gpr[16];
  uint64_t rip, fs_base, gs_base, cr2;
  uint32_t rflags, vector, error_code;
  uint32_t changed_at, changed_length; /* of the window; the bytes follow, a multiple of 8 */
  uint32_t unused;
};

static struct test_case test;
static uint8_t extended_state[LEGACY_BYTES + YMM_HIGH_BYTES];
static int running;

static uint8_t input[1 << 16];
static unsigned input_length, input_at;

static uint8_t output[1 << 16];
static unsigned output_length;

static uint8_t pattern[WINDOW_BYTES];
static uint8_t alternate_stack[1 << 16] __attribute__((aligned(64)));

static long system_call(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

__attribute__((noreturn)) static void leave(int status) {
  system_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

void *memset(void *to, int value, unsigned long count) {
  void *result = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
  return result;
}

void *memcpy(void *to, const void *from, unsigned long count) {
  void *result = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  return result;
}

static void flush_output(void) {
  unsigned done = 0;
  while (done < output_length) {
    long written = system_call(SYS_write, 1, (long)(output + done), output_length - done, 0, 0, 0);
    if (written <= 0) leave(3);
    done += written;
  }
  output_length = 0;
}

/* 0 at the end of the input. */
static int take(void *to, unsigned count) {
  uint8_t *at = to;
  while (count > 0) {
    if (input_at == input_length) {
      long got = system_call(SYS_read, 0, (long)input, sizeof input, 0, 0, 0);
      if (got < 0) leave(3);
      if (got == 0) return 0;
      input_length = got;
      input_at = 0;
    }
    unsigned part = input_length - input_at < count ? input_length - input_at : count;
    memcpy(at, input + input_at, part);
    input_at += part;
    at += part;
    count -= part;
  }
  return 1;
}

static void put(const void *from, unsigned count) {
  if (output_length + count > sizeof output) flush_output();
  memcpy(output + output_length, from, count);
  output_length += count;
}

/* Where the signal frame has the registers, in encoding order. */
static const uint8_t places[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                   REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void report(greg_t *frame, const uint8_t *xsave) {
  struct result result = {0};
  for (int i = 0; i < 16; i++) result.gpr[i] = frame[places[i]];
  result.rip = frame[REG_RIP];
  result.rflags = frame[REG_EFL];
  result.vector = frame[REG_TRAPNO];
  result.error_code = frame[REG_ERR];
  result.cr2 = frame[REG_CR2];
  __asm__ volatile("rdfsbase %0" : "=r"(result.fs_base));
  __asm__ volatile("rdgsbase %0" : "=r"(result.gs_base));

  const uint64_t *window = (const uint64_t *)WINDOW;
  const uint64_t *expected = (const uint64_t *)pattern;
  uint8_t *bytes = (uint8_t *)WINDOW;
  unsigned words = READ_ONLY_FROM / 8, first = 0, last = words;
  while (first < words && window[first] == expected[first]) first++;
  while (last > first && window[last - 1] == expected[last - 1]) last--;
  result.changed_at = first * 8;
  result.changed_length = (last - first) * 8;
  put(&result, sizeof result);
  put(bytes + result.changed_at, result.changed_length);
  if (test.extended) {
    put(xsave, LEGACY_BYTES);
    if (!(xsave[XSTATE_BV_AT] & XSTATE_AVX)) memset(extended_state, 0, YMM_HIGH_BYTES);
    else memcpy(extended_state, xsave + YMM_HIGH_AT, YMM_HIGH_BYTES);
    put(extended_state, YMM_HIGH_BYTES);
  }

  memcpy(bytes + result.changed_at, pattern + result.changed_at, result.changed_length);
  memset((void *)(CODE + test.code_offset - 1), FILLER, test.code_length + 1u);
}

/* Brings the state of the next case into the signal frame; 0 if there is none. */
static int prepare(greg_t *frame, uint8_t *xsave) {
  if (!take(&test, sizeof test)) return 0;
  for (int i = 0; i < 2; i++) take((void *)(WINDOW + test.patch_offset[i]), test.patch_length[i]);
  if (test.extended) {
    take(extended_state, sizeof extended_state);
    memcpy(xsave, extended_state, MXCSR_MASK_AT);
    memcpy(xsave + 32, extended_state + 32, LEGACY_BYTES - 32);
    memcpy(xsave + YMM_HIGH_AT, extended_state + LEGACY_BYTES, YMM_HIGH_BYTES);
    xsave[XSTATE_BV_AT] |= XSTATE_ALL;
  }
  for (int i = 0; i < 16; i++) frame[places[i]] = test.gpr[i];
  *(uint8_t *)(CODE + test.code_offset - 1) = LEAD_IN;
  memcpy((void *)(CODE + test.code_offset), test.code, test.code_length);
  frame[REG_RIP] = CODE + test.code_offset;
  frame[REG_EFL] = test.rflags;
  /* CS, GS, FS, SS: of these the kernel takes CS and SS from here. */
  frame[REG_CSGSFS] = (test.compatibility ? 0x23UL : 0x33UL) | 0x2bUL << 48;
  __asm__ volatile("wrfsbase %0" : : "r"(test.fs_base));
  __asm__ volatile("wrgsbase %0" : : "r"(test.gs_base));
  return 1;
}

__attribute__((used)) void handle(int signal, siginfo_t *information, ucontext_t *context) {
  (void)signal;
  (void)information;
  greg_t *frame = context->uc_mcontext.gregs;
  uint8_t *xsave = (uint8_t *)context->uc_mcontext.fpregs;
  if (running) report(frame, xsave);
  running = 1;
  if (prepare(frame, xsave)) return;
  flush_output();
  leave(0);
}

/* A case may leave AC, NT, ID or DF set, which the handler inherits. */
__asm__(
    ".text\n"
    "entry:\n"
    "  push $0x202\n"
    "  popfq\n"
    "  jmp handle\n"
    "restorer:\n"
    "  mov $15, %eax\n" /* rt_sigreturn */
    "  syscall\n"
    ".globl _start\n"
    "_start:\n"
    "  and $-16, %rsp\n"
    "  call begin\n");
extern char entry[], restorer[];

struct kernel_sigaction {
  void *handler;
  unsigned long flags;
  void *restorer;
  unsigned long mask;
};

static long map(unsigned long at, unsigned long bytes, int protection, int file) {
  int kind = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  return system_call(SYS_mmap, at, bytes, protection, kind | MAP_FIXED_NOREPLACE, file, 0);
}

static void map_window(unsigned long at, int file, int required) {
  if (map(at, WINDOW_BYTES, PROT_READ | PROT_WRITE, file) != (long)at) {
    if (required) leave(2);
    return;
  }
  memcpy((void *)at, pattern, WINDOW_BYTES);
  system_call(SYS_mprotect, at + READ_ONLY_FROM, WINDOW_BYTES - READ_ONLY_FROM, PROT_READ, 0, 0, 0);
}

__attribute__((used)) void begin(void) {
  static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  struct kernel_sigaction action = {entry, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | 0x04000000 /* SA_RESTORER */, restorer, 0};
  stack_t stack = {.ss_sp = alternate_stack, .ss_size = sizeof alternate_stack};
  system_call(SYS_sigaltstack, (long)&stack, 0, 0, 0, 0, 0);
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
    system_call(SYS_rt_sigaction, signals[i], (long)&action, 0, 8, 0, 0);
  if (map(CODE, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, -1) != CODE) leave(2);
  memset((void *)CODE, FILLER, CODE_BYTES);
  for (uint32_t i = 0; i < WINDOW_BYTES; i++) pattern[i] = (i * 2654435761u) >> 13;
  int file = system_call(SYS_memfd_create, (long)"window", 0, 0, 0, 0, 0);
  system_call(SYS_ftruncate, file, WINDOW_BYTES, 0, 0, 0, 0);
  map_window(WINDOW, file, 1);
  map_window(LOW_WINDOW, file, 0);
  __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0x2b));
  __builtin_trap();
}
