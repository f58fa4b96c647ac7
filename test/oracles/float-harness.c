/*
 * Runs one or a few user-mode instructions at a time on this processor, between a complete x87, SSE and AVX register state
 * that it is given and the one that it answers with. Records come in on stdin and answers go out on stdout; both are the
 * same struct. x86-64 Linux.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

/* Keep in step with test/oracles/float-silicon.ts. */
struct record {
    uint8_t code[24];        /*   0 instructions, at most 24 bytes; RDI points to `memory` */
    uint8_t code_length;     /*  24 */
    uint8_t vector;          /*  25 out: 0, or the exception: 16 #MF, 19 #XM, 6 #UD, 14 #PF */
    uint16_t control;        /*  26 FCW */
    uint16_t status;         /*  28 FSW */
    uint16_t tags;           /*  30 abridged tag word */
    uint32_t mxcsr;          /*  32 */
    uint32_t flags;          /*  36 the six status flags of EFLAGS */
    uint64_t rax;            /*  40 */
    uint8_t st[8][16];       /*  48 ST(0) to ST(7) */
    uint8_t xmm[4][16];      /* 176 XMM0 to XMM3 */
    uint8_t memory[128];     /* 240 */
};                           /* 368 bytes */

static struct {
    uint16_t control, status;
    uint8_t tags, reserved;
    uint16_t opcode;
    uint64_t instruction, data;
    uint32_t mxcsr, mxcsr_mask;
    uint8_t st[8][16], xmm[16][16], rest[96];
} image __attribute__((aligned(64)));

static uint8_t *code;
static struct record now;
static volatile int vector;

extern char recovery[];

static void on_signal(int number, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)number;
    (void)info;
    vector = uc->uc_mcontext.gregs[REG_TRAPNO];
    memcpy(&image, uc->uc_mcontext.fpregs, 512);
    uc->uc_mcontext.fpregs->swd = 0;
    uc->uc_mcontext.fpregs->mxcsr = 0x1f80;
    uc->uc_mcontext.gregs[REG_RIP] = (uintptr_t)recovery;
}

static void execute(void)
{
    uint64_t rax = now.rax, flags = now.flags | 0x202;
    vector = 0;
    __asm__ volatile(
        "fxrstor64 %[image]\n\t"
        "push %[flags]\n\t"
        "popfq\n\t"
        "call *%[code]\n\t"
        "pushfq\n\t"
        "pop %[flags]\n\t"
        "fxsave64 %[image]\n\t"
        "jmp 1f\n"
        "recovery:\n\t"
        "add $8, %%rsp\n\t"
        "1:\n\t"
        "fninit\n\t"
        "push $0x1f80\n\t"
        "ldmxcsr (%%rsp)\n\t"
        "add $8, %%rsp\n\t"
        : [image] "+m"(image), [flags] "+r"(flags), "+a"(rax)
        : [code] "r"(code), "D"(now.memory)
        : "memory", "cc", "rcx", "rdx", "xmm0", "xmm1", "xmm2", "xmm3");
    now.rax = rax;
    now.flags = flags & 0x8d5;
    now.vector = vector;
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER };
    int signals[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS };
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED)
        return 1;
    static char in[1 << 20], out[1 << 20];
    setvbuf(stdin, in, _IOFBF, sizeof in);
    setvbuf(stdout, out, _IOFBF, sizeof out);
    uint8_t last[25] = { 0 };
    while (fread(&now, sizeof now, 1, stdin) == 1) {
        if (memcmp(last, now.code, sizeof last)) {
            memcpy(last, now.code, sizeof last);
            memcpy(code, now.code, now.code_length);
            code[now.code_length] = 0xc3;
        }
        memset(&image, 0, sizeof image);
        image.control = now.control;
        image.status = now.status;
        image.tags = now.tags;
        image.mxcsr = now.mxcsr;
        memcpy(image.st, now.st, sizeof now.st);
        memcpy(image.xmm, now.xmm, sizeof now.xmm);
        execute();
        now.control = image.control;
        now.status = image.status;
        now.tags = image.tags;
        now.mxcsr = image.mxcsr;
        memcpy(now.st, image.st, sizeof now.st);
        memcpy(now.xmm, image.xmm, sizeof now.xmm);
        if (fwrite(&now, sizeof now, 1, stdout) != 1)
            return 1;
    }
    return 0;
}
