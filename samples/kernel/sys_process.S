/*
 * sys_process.S - who the process is, its memory, its thread pointer, its end.
 */
#include "linkage.h"
#include "calling.h"
#include "errno.h"

#define INIT_PID                1
#define DEBUG_EXIT_PORT         0xf4            /* writing n ends the machine with code n << 1 | 1 */

#define ARCH_SET_GS             0x1001
#define ARCH_SET_FS             0x1002
#define ARCH_GET_FS             0x1003
#define ARCH_GET_GS             0x1004

#define UTSNAME_FIELD           65              /* bytes of each field of struct new_utsname */
#define UTSNAME_SIZE            (6 * UTSNAME_FIELD)

	.text

/* One process with one thread, run by root, started by nobody. */
SYM_FUNC_START(__x64_sys_getpid)
SYM_INNER_LABEL(__x64_sys_gettid)
	movl	$INIT_PID, %eax
	ret
SYM_FUNC_END(__x64_sys_getpid)

SYM_FUNC_START(__x64_sys_getuid)
SYM_INNER_LABEL(__x64_sys_getgid)
SYM_INNER_LABEL(__x64_sys_geteuid)
SYM_INNER_LABEL(__x64_sys_getegid)
SYM_INNER_LABEL(__x64_sys_getppid)
	xorl	%eax, %eax
	ret
SYM_FUNC_END(__x64_sys_getuid)

/* Nobody else could run: done. */
SYM_FUNC_START(__x64_sys_sched_yield)
	xorl	%eax, %eax
	ret
SYM_FUNC_END(__x64_sys_sched_yield)

/* uname(struct new_utsname *buf) */
SYM_FUNC_START(__x64_sys_newuname)
	movq	RDI(%rdi), %rdi
	jmp	copy_utsname
SYM_FUNC_END(__x64_sys_newuname)

SYM_FUNC_START(__ia32_sys_newuname)
	movl	RBX(%rdi), %edi
	jmp	copy_utsname
SYM_FUNC_END(__ia32_sys_newuname)

SYM_FUNC_START_LOCAL(copy_utsname)
	movq	$init_uts_ns, %rsi
	movl	$UTSNAME_SIZE, %edx
	call	copy_to_user
	negq	%rax				/* CF = 1 if some bytes were not copied */
	sbbq	%rax, %rax			/* -1 then, else 0 */
	andq	$-EFAULT, %rax
	ret
SYM_FUNC_END(copy_utsname)

/*
 * brk(unsigned long brk) - move the end of the heap. The result is the new end,
 * or the old one if that cannot be: brk(0) asks where it is. This heap only grows.
 */
SYM_FUNC_START(__x64_sys_brk)
	movq	RDI(%rdi), %rdi
	jmp	ksys_brk
SYM_FUNC_END(__x64_sys_brk)

SYM_FUNC_START(__ia32_sys_brk)
	movl	RBX(%rdi), %edi
	jmp	ksys_brk
SYM_FUNC_END(__ia32_sys_brk)

SYM_FUNC_START_LOCAL(ksys_brk)
	pushq	%rbx
	pushq	%rbp
	movq	%rdi, %rbx			/* the end asked for */
	movq	mm_brk, %rbp
	cmpq	%rbp, %rbx
	jbe	.Lbrk_done
	movq	mm_brk_limit, %rax
	cmpq	%rax, %rbx
	ja	.Lbrk_done
	/* Pages from the one behind the old end to the one with the new end. */
	addq	$(PAGE_SIZE - 1), %rbp
	andq	$PAGE_MASK, %rbp
.Lbrk_page:
	cmpq	%rbx, %rbp
	jae	.Lbrk_mapped
	movq	%rbp, %rdi
	movabsq	$PAGE_SHARED, %rsi
	call	map_user_page
	testq	%rax, %rax
	jz	.Lbrk_done			/* out of memory: the end stays where it was */
	addq	$PAGE_SIZE, %rbp
	jmp	.Lbrk_page
.Lbrk_mapped:
	movq	%rbx, mm_brk
.Lbrk_done:
	movq	mm_brk, %rax
	popq	%rbp
	popq	%rbx
	ret
SYM_FUNC_END(ksys_brk)

/*
 * arch_prctl(int option, unsigned long arg2) - the bases of FS and GS, which
 * ring 3 cannot set by itself. FS.base is the thread pointer of C programs.
 */
SYM_FUNC_START(__x64_sys_arch_prctl)
	movq	RSI(%rdi), %rsi			/* the base, or where to store it */
	movl	RDI(%rdi), %edi			/* option */
	movl	$MSR_FS_BASE, %ecx
	cmpl	$ARCH_SET_FS, %edi
	je	.Lset_base
	cmpl	$ARCH_GET_FS, %edi
	je	.Lget_base
	movl	$MSR_KERNEL_GS_BASE, %ecx	/* after SWAPGS the user's GS.base is kept there */
	cmpl	$ARCH_SET_GS, %edi
	je	.Lset_base
	cmpl	$ARCH_GET_GS, %edi
	je	.Lget_base
	movq	$-EINVAL, %rax
	ret

.Lset_base:
	movabsq	$TASK_SIZE_MAX, %rax		/* also keeps WRMSR from a #GP: canonical */
	cmpq	%rax, %rsi
	jae	.Lbase_not_permitted
	movq	%rsi, %rax
	movq	%rsi, %rdx
	shrq	$32, %rdx
	wrmsr
	xorl	%eax, %eax
	ret
.Lbase_not_permitted:
	movq	$-EPERM, %rax
	ret

.Lget_base:
	rdmsr
	shlq	$32, %rdx
	orq	%rdx, %rax
	pushq	%rax				/* a place in memory to copy from */
	movq	%rsi, %rdi
	movq	%rsp, %rsi
	movl	$8, %edx
	call	copy_to_user
	popq	%rdx
	negq	%rax
	sbbq	%rax, %rax
	andq	$-EFAULT, %rax
	ret
SYM_FUNC_END(__x64_sys_arch_prctl)

/*
 * set_thread_area(struct user_desc *u_info) - one of three descriptors of the GDT
 * a 32-bit program may use as it likes, usually as its thread pointer in GS.
 * struct user_desc: entry_number, base_addr, limit, flags; 32 bits each.
 */
SYM_FUNC_START(__ia32_sys_set_thread_area)
	pushq	%rbx
	subq	$16, %rsp			/* the structure */
	movl	RBX(%rdi), %ebx
	movq	%rsp, %rdi
	movq	%rbx, %rsi
	movl	$16, %edx
	call	copy_from_user
	testq	%rax, %rax
	jnz	.Ltls_fault

	/* Entry -1 asks us to choose: the first free one. */
	movl	(%rsp), %ecx
	cmpl	$-1, %ecx
	jne	.Ltls_chosen
	movl	$GDT_ENTRY_TLS_MIN, %ecx
.Ltls_search:
	cmpq	$0, gdt_page(, %rcx, 8)
	je	.Ltls_chosen
	incl	%ecx
	cmpl	$GDT_ENTRY_TLS_MAX, %ecx
	jbe	.Ltls_search
	movq	$-ESRCH, %rax
	jmp	.Ltls_done
.Ltls_chosen:
	leal	-GDT_ENTRY_TLS_MIN(%rcx), %eax	/* unsigned: below MIN is too big as well */
	cmpl	$(GDT_ENTRY_TLS_MAX - GDT_ENTRY_TLS_MIN), %eax
	ja	.Ltls_invalid
	movl	%ecx, (%rsp)

	/*
	 * A data segment for ring 3: base and limit from the user, in the split
	 * form of a descriptor; the rest is fixed. Only the bits read-only (3) and
	 * limit-in-pages (4) of the flags are heeded.
	 */
	movl	4(%rsp), %eax			/* base */
	movl	%eax, %edx
	andl	$0x00ffffff, %edx
	shlq	$16, %rdx			/* bits 0..23 to 16..39 */
	andl	$0xff000000, %eax
	shlq	$32, %rax			/* bits 24..31 to 56..63 */
	orq	%rax, %rdx
	movl	8(%rsp), %eax			/* limit */
	movl	%eax, %edi
	andl	$0x0000ffff, %edi
	orq	%rdi, %rdx			/* bits 0..15 to 0..15 */
	andl	$0x000f0000, %eax
	shlq	$32, %rax			/* bits 16..19 to 48..51 */
	orq	%rax, %rdx
	movabsq	$0x0040f30000000000, %rax	/* present, DPL 3, writable and accessed data, 32-bit */
	orq	%rax, %rdx
	movl	12(%rsp), %eax
	testl	$(1 << 3), %eax
	jz	.Ltls_writable
	btrq	$41, %rdx
.Ltls_writable:
	testl	$(1 << 4), %eax
	jz	.Ltls_bytes
	btsq	$55, %rdx
.Ltls_bytes:
	movq	%rdx, gdt_page(, %rcx, 8)

	/* Tell the user which entry it is. */
	movq	%rbx, %rdi
	movq	%rsp, %rsi
	movl	$4, %edx
	call	copy_to_user
	testq	%rax, %rax
	jz	.Ltls_done
.Ltls_fault:
	movq	$-EFAULT, %rax
	jmp	.Ltls_done
.Ltls_invalid:
	movq	$-EINVAL, %rax
.Ltls_done:
	addq	$16, %rsp
	popq	%rbx
	ret
SYM_FUNC_END(__ia32_sys_set_thread_area)

/* exit(int status) and exit_group(int status): with one thread the same. */
SYM_FUNC_START(__x64_sys_exit)
SYM_INNER_LABEL(__x64_sys_exit_group)
	movl	RDI(%rdi), %edi
	jmp	do_exit
SYM_FUNC_END(__x64_sys_exit)

SYM_FUNC_START(__ia32_sys_exit)
SYM_INNER_LABEL(__ia32_sys_exit_group)
	movl	RBX(%rdi), %edi
	jmp	do_exit
SYM_FUNC_END(__ia32_sys_exit)

/*
 * do_exit(int status) - the only process ends, and with it the machine. The
 * emulator's debug-exit port takes the status; a machine without one just stops.
 */
SYM_FUNC_START(do_exit)
	movzbl	%dil, %eax			/* a status has 8 bits */
	outb	%al, $DEBUG_EXIT_PORT
.Lstopped:
	cli
	hlt
	jmp	.Lstopped
SYM_FUNC_END(do_exit)

	.section .rodata, "a"

/* UTS - one field of struct new_utsname, filled up with NULs. */
.macro UTS text:req
.Lfield\@:
	.asciz	"\text"
	.skip	UTSNAME_FIELD - (. - .Lfield\@)
.endm

init_uts_ns:
	UTS	"Linux"				/* what programs look for */
	UTS	"ringside"			/* node name */
	UTS	"6.1.0-ringside"		/* release: the path is shaped as 6.1's */
	UTS	"a small kernel in assembly"	/* version */
	UTS	"x86_64"			/* machine */
	UTS	"(none)"			/* domain */
