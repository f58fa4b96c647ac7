/*
 * sys_time.S - clock_gettime and nanosleep on the time-stamp counter.
 *
 * How fast the TSC counts is measured against the PIT, whose rate is fixed; only
 * when the first program asks, and without any interrupt.
 */
#include "linkage.h"
#include "calling.h"
#include "errno.h"

#define CLOCK_REALTIME          0
#define CLOCK_MONOTONIC         1
#define NSEC_PER_SEC            1000000000
#define NSEC_PER_MSEC           1000000

#define PIT_CHANNEL_0           0x40
#define PIT_COMMAND             0x43
#define PIT_RATE_GENERATOR      0x34            /* channel 0, low then high byte, mode 2 */
#define PIT_LATCH               0x00            /* channel 0: freeze the count for reading */
#define PIT_TICKS_PER_MSEC      1193            /* it counts at 1.193182 MHz */

	.text

/* clock_gettime(clockid_t clock, struct timespec *tp). Both clocks start at boot. */
SYM_FUNC_START(__x64_sys_clock_gettime)
	pushq	%rbx
	movl	RDI(%rdi), %eax
	movq	RSI(%rdi), %rbx
	cmpl	$CLOCK_MONOTONIC, %eax		/* unsigned: there are 0 and 1 */
	ja	.Lclock_invalid
	call	read_clock
	xorl	%edx, %edx
	movl	$NSEC_PER_SEC, %ecx
	divq	%rcx				/* rax = seconds, rdx = nanoseconds */
	pushq	%rdx				/* struct timespec, on our stack */
	pushq	%rax
	movq	%rbx, %rdi
	movq	%rsp, %rsi
	movl	$16, %edx
	call	copy_to_user
	addq	$16, %rsp
	negq	%rax				/* CF = 1 if some bytes were not copied */
	sbbq	%rax, %rax
	andq	$-EFAULT, %rax
	popq	%rbx
	ret
.Lclock_invalid:
	movq	$-EINVAL, %rax
	popq	%rbx
	ret
SYM_FUNC_END(__x64_sys_clock_gettime)

/* nanosleep(const struct timespec *req, struct timespec *rem). Nothing wakes it early. */
SYM_FUNC_START(__x64_sys_nanosleep)
	pushq	%rbx
	subq	$16, %rsp
	movq	RDI(%rdi), %rsi
	movq	%rsp, %rdi
	movl	$16, %edx
	call	copy_from_user
	testq	%rax, %rax
	jnz	.Lsleep_fault
	cmpq	$(NSEC_PER_SEC - 1), 8(%rsp)
	ja	.Lsleep_invalid
	movl	$NSEC_PER_SEC, %eax
	mulq	(%rsp)
	jc	.Lsleep_invalid			/* more than 64 bits of nanoseconds */
	addq	8(%rsp), %rax
	movq	%rax, %rbx
	call	read_clock
	addq	%rax, %rbx			/* until then */
.Lsleep:
	pause
	call	read_clock
	cmpq	%rbx, %rax
	jb	.Lsleep
	xorl	%eax, %eax
	jmp	.Lsleep_done
.Lsleep_fault:
	movq	$-EFAULT, %rax
	jmp	.Lsleep_done
.Lsleep_invalid:
	movq	$-EINVAL, %rax
.Lsleep_done:
	addq	$16, %rsp
	popq	%rbx
	ret
SYM_FUNC_END(__x64_sys_nanosleep)

/* read_clock - nanoseconds since boot. Out: %rax. */
SYM_FUNC_START_LOCAL(read_clock)
	cmpq	$0, tsc_per_msec
	jne	.Lcalibrated
	call	calibrate_tsc
.Lcalibrated:
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movl	$NSEC_PER_MSEC, %ecx
	mulq	%rcx				/* rdx:rax, 128 bits, so nothing is lost */
	divq	tsc_per_msec
	ret
SYM_FUNC_END(read_clock)

/* calibrate_tsc - how far does the TSC count in one millisecond of the PIT? */
SYM_FUNC_START_LOCAL(calibrate_tsc)
	movb	$PIT_RATE_GENERATOR, %al
	outb	%al, $PIT_COMMAND
	xorl	%eax, %eax			/* reload value 0 means 65536 */
	outb	%al, $PIT_CHANNEL_0
	outb	%al, $PIT_CHANNEL_0
	call	read_pit
	movl	%eax, %esi			/* count at the start */
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	%rax, %rdi			/* TSC at the start */
.Lmeasure:
	call	read_pit
	movl	%esi, %ecx
	subl	%eax, %ecx			/* the PIT counts down */
	movzwl	%cx, %ecx			/* and wraps at 16 bits */
	cmpl	$PIT_TICKS_PER_MSEC, %ecx
	jb	.Lmeasure
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	subq	%rdi, %rax			/* in %ecx ticks */
	movl	$PIT_TICKS_PER_MSEC, %edx
	mulq	%rdx
	divq	%rcx
	movq	%rax, tsc_per_msec
	ret
SYM_FUNC_END(calibrate_tsc)

/* read_pit - the count of channel 0. Out: %eax. Changes rax, rcx. */
SYM_FUNC_START_LOCAL(read_pit)
	movb	$PIT_LATCH, %al
	outb	%al, $PIT_COMMAND
	inb	$PIT_CHANNEL_0, %al
	movzbl	%al, %ecx
	inb	$PIT_CHANNEL_0, %al
	movzbl	%al, %eax
	shll	$8, %eax
	orl	%ecx, %eax
	ret
SYM_FUNC_END(read_pit)

	.bss
	.balign	8
tsc_per_msec:
	.skip	8
