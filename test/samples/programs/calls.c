/* Prints the results of system calls, good and bad ones. Freestanding: no library, no SSE. */

static long call(long nr, long a, long b, long c) {
  long result;
  register long r10 asm("r10") = 0;
  asm volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

enum { WRITE = 1, BRK = 12, SCHED_YIELD = 24, NANOSLEEP = 35, GETPID = 39, UNAME = 63, GETUID = 102 };
enum { ARCH_PRCTL = 158, GETTID = 186, CLOCK_GETTIME = 228, EXIT_GROUP = 231 };

static void text(const char *s) {
  long length = 0;
  while (s[length]) length++;
  call(WRITE, 1, (long)s, length);
}

static void number(long value) {
  char digits[24];
  int at = 24;
  unsigned long rest = value < 0 ? -value : value;
  do digits[--at] = '0' + rest % 10; while (rest /= 10);
  if (value < 0) digits[--at] = '-';
  digits[--at] = ' ';
  call(WRITE, 1, (long)(digits + at), 24 - at);
}

static void row(const char *title, long result) {
  text(title);
  number(result);
  text("\n");
}

static char utsname[6][65];

__attribute__((used)) void start(long *stack) {
  char **argv = (char **)(stack + 1), **envp = argv + stack[0] + 1;
  text("argc");
  number(stack[0]);
  text(":");
  for (argv++; *argv; argv++) text(" "), text(*argv);
  text("\nenvironment:");
  for (; *envp; envp++) text(" "), text(*envp);
  row("\nstack aligned:", (long)stack & 15);

  text("uname:");
  number(call(UNAME, (long)utsname, 0, 0));
  text(" "), text(utsname[0]), text(" "), text(utsname[4]), text("\n");
  row("uname to a kernel address:", call(UNAME, 0xffffffff80105000, 0, 0));
  row("uname to 0:", call(UNAME, 0, 0, 0));
  row("write from an unmapped page:", call(WRITE, 1, 0x10, 5));
  row("write across the end of user space:", call(WRITE, 1, 0x00007fffffffeff0, 100));
  row("write that wraps:", call(WRITE, 1, 0xfffffffffffffff0, 100));
  row("write to a closed file:", call(WRITE, 9, (long)utsname, 5));
  row("call 300:", call(300, 0, 0, 0));
  row("call 9999:", call(9999, 0, 0, 0));
  row("call -5:", call(-5, 0, 0, 0));
  row("call 1 << 32 | getpid:", call(1L << 32 | GETPID, 0, 0, 0));

  long heap = call(BRK, 0, 0, 0), sum = 0;
  text("brk grows by 10000, keeps zeros:");
  number(call(BRK, heap + 10000, 0, 0) - heap);
  for (long i = 0; i < 10000; i++) sum |= ((char *)heap)[i]++;
  number(sum);

  long base, through_gs, variable = 77;
  text("\narch_prctl:");
  number(call(ARCH_PRCTL, 0x1002, 0x1234, 0));
  number(call(ARCH_PRCTL, 0x1003, (long)&base, 0));
  number(base);
  number(call(ARCH_PRCTL, 0x1002, 0x800000000000, 0));
  number(call(ARCH_PRCTL, 77, 0, 0));
  call(ARCH_PRCTL, 0x1001, (long)&variable, 0);
  asm volatile("movq %%gs:0, %0" : "=r"(through_gs) : "m"(variable));
  number(through_gs);

  long before[2], after[2], request[2] = {0, 20000000};
  text("\nclock_gettime:");
  number(call(CLOCK_GETTIME, 1, (long)before, 0));
  number(call(CLOCK_GETTIME, 9, (long)before, 0));
  number(call(CLOCK_GETTIME, 1, 0, 0));
  call(NANOSLEEP, (long)request, 0, 0);
  call(CLOCK_GETTIME, 1, (long)after, 0);
  long slept = (after[0] - before[0]) * 1000000000 + after[1] - before[1];
  text(slept >= 20000000 ? " slept" : " woke too early");

  text("\nsched_yield gettid getuid:");
  number(call(SCHED_YIELD, 0, 0, 0));
  number(call(GETTID, 0, 0, 0));
  number(call(GETUID, 0, 0, 0));
  text("\n");
  call(EXIT_GROUP, 42, 0, 0);
}

asm(".globl _start\n_start: movq %rsp, %rdi; call start");
