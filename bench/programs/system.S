/*
 * Start of a program without an operating system: multiboot, then protected mode without paging (-m32), or long mode
 * with the first GiB mapped to itself in 2 MiB pages (-m64). SSE is enabled where the processor has it.
 */
#define MAGIC       0x1badb002
#define FLAGS       0x00010000          /* the address fields below are valid */
#define CR0_PE      0x1
#define CR0_MP      0x2
#define CR0_EM      0x4
#define CR0_NE      0x20
#define CR0_PG      0x80000000
#define CR4_PAE     0x20
#define CR4_OSFXSR  0x600               /* and OSXMMEXCPT */
#define EFER        0xc0000080
#define EFER_LME    0x100
#define CPUID_SSE   0x02000000

    .section .multiboot, "ax"
    .code32
    .balign 4
header:
    .long   MAGIC, FLAGS, -(MAGIC + FLAGS)
    .long   header, image_start, image_end, bss_end, enter

    .globl  enter
enter:
    cli
    cld
    mov     $stack_top, %esp
    lgdt    gdt_pointer
    ljmp    $CODE32, $1f
1:  mov     $DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     $1, %eax
    cpuid
    test    $CPUID_SSE, %edx
    jz      1f
    mov     %cr4, %eax
    or      $CR4_OSFXSR, %eax
    mov     %eax, %cr4
    mov     %cr0, %eax
    and     $~CR0_EM, %eax
    or      $(CR0_MP | CR0_NE), %eax
    mov     %eax, %cr0
1:
#ifdef __x86_64__
    movl    $(directories + 3), pml4
    movl    $(directory + 3), directories
    mov     $0x83, %eax                 /* present, writable, 2 MiB */
    mov     $directory, %edi
1:  mov     %eax, (%edi)
    add     $0x200000, %eax
    add     $8, %edi
    cmp     $(directory + 4096), %edi
    jb      1b
    mov     $pml4, %eax
    mov     %eax, %cr3
    mov     %cr4, %eax
    or      $CR4_PAE, %eax
    mov     %eax, %cr4
    mov     $EFER, %ecx
    rdmsr
    or      $EFER_LME, %eax
    wrmsr
    mov     %cr0, %eax
    or      $CR0_PG, %eax
    mov     %eax, %cr0
    ljmp    $CODE64, $1f
    .code64
1:
#endif
    call    run
1:  hlt
    jmp     1b

    .data
    .balign 8
gdt:
    .quad   0
    .set    CODE32, . - gdt
    .quad   0x00cf9b000000ffff
    .set    DATA, . - gdt
    .quad   0x00cf93000000ffff
    .globl  code_selector
#ifdef __x86_64__
    .set    CODE64, . - gdt
    .quad   0x00af9b000000ffff
    .set    code_selector, CODE64
#else
    .set    code_selector, CODE32
#endif
gdt_pointer:
    .word   . - gdt - 1
    .long   gdt

    .bss
    .balign 4096
    .globl  pml4, directories
pml4:
    .skip   4096
directories:
    .skip   4096
directory:
    .skip   4096
    .skip   0x10000
stack_top:
