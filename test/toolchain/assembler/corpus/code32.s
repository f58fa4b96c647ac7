.code32
.text
.globl start32
start32:
cli
mov $0x10,%eax
mov %ax,%ds
mov %eax,%cr0
mov %cr4,%eax
or $0x20,%eax
mov $stack,%esp
mov stack,%eax
mov %eax,stack
mov stack,%ebx
lgdt gdtr
lgdt (%eax)
ljmp $0x08,$long
ljmp *farptr
lcall $0x10,$0x1234
lret
iret
pushf
popf
pusha
popa
push $5
push $0x12345
push %eax
push %ds
pop %es
pushl $sym
call ext
call start32
jmp ext
jmp start32
je ext
movl $pml4,%edi
addl $0x1000,%edi
lea 8(%esp),%eax
mov (%eax,%ebx,4),%ecx
mov %gs:0x14,%eax
inc %eax
dec %ecx
inc %ax
rep stosl
rep movsl
wrmsr
rdmsr
in $0x64,%al
out %al,$0x64
in (%dx),%al
outl %eax,%dx
inb $0x60,%al
int $0x80
sysenter
sysexit
enter $16,$0
leave
bswap %eax
xchg %eax,%eax
xchg %eax,%ebx
arpl %ax,%bx
les (%eax),%ecx
lds (%eax),%ecx
aam
aad
daa
into
jcxz 1f
jecxz 1f
1: loop 1b
retl
ret $8
movw $5,(%eax)
mov $sym,%eax
cmp $sym+4,%ebx
.p2align 4
long:
.code64
mov %rax,%rbx
movabs $long,%rax
jmp long
.data
.long long
gdtr: .word 8
.long start32
