movq $0x12345678,%rax
movq $-1,%rax
movq $sym,%rax
movl $sym,%eax
movw $sym,%ax
movb $sym,%al
movabs $sym,%rax
movabs $1,%rax
movabsq $0x123456789abc,%rax
mov sym,%rax
mov sym(%rip),%rax
mov sym+8(%rip),%eax
mov %eax,sym-4(%rip)
movl $5,sym(%rip)
movb $5,sym+1(%rip)
movw $0x1234,sym(%rip)
cmpl $sym,sym(%rip)
mov sym(%rax),%ecx
mov sym(,%rax,8),%rcx
mov sym(%eax),%ecx
mov 4(%rip),%eax
lea .(%rip),%rax
mov %fs:0,%rax
mov %fs:(%rax),%rbx
mov %gs:sym(%rip),%rax
mov %gs:sym,%rax
mov %ds:(%rax),%ebx
mov %ss:(%rbp),%ebx
mov %ss:(%rax),%ebx
mov %ds:(%rbp),%ebx
mov %es:(%rdi),%al
mov (%rsp),%rax
mov (%rbp),%rax
mov (%r13),%rax
mov (%r12),%rax
mov 0(%rax),%rax
mov 127(%rax),%rax
mov 128(%rax),%rax
mov -128(%rax),%rax
mov -129(%rax),%rax
mov (,%rax,4),%rbx
mov (,%rax,1),%rbx
mov (,%rax),%rbx
mov (%rax,%rbx),%rcx
mov (%rax,%rbx,),%rcx
mov 0x7fffffff(%rax),%rcx
mov -0x80000000(%rax),%rcx
push $127
push $128
push $-128
pushq $0x7fffffff
push $sym
pushw $5
pushw %ax
pop %ax
popw (%rax)
push (%rax)
pushq sym(%rip)
push %fs
pop %gs
test %eax,(%rbx)
test (%rbx),%eax
test $1,%al
test $1,%eax
test $1,%ebx
testb $1,(%rax)
testq $-1,%rax
xchg %eax,(%rbx)
xchg (%rbx),%eax
xchg %rax,%rbx
xchg %ebx,%eax
xchg %r8,%rax
xchg %al,%bl
xchg %ax,%ax
nop
nopw (%rax)
nopl 0x0(%rax,%rax,1)
nopw %cs:0x0(%rax,%rax,1)
shl %eax
shl $1,%eax
shl $5,%eax
shl %cl,%eax
shlq (%rax)
sall $3,(%rax)
sar %rax
shld $3,%eax,%ebx
shld %cl,%eax,%ebx
shrd %eax,%ebx
imul %ebx
imul %ebx,%eax
imul $5,%ebx
imul $500,%ebx,%eax
imul $5,(%rax),%eax
imul $sym,%rax,%rbx
mul %rbx
div %ecx
neg %rax
not (%rax)
bt $5,%eax
bts %eax,(%rbx)
btrl $3,(%rax)
btcq $40,%rax
bsf %eax,%ebx
popcnt %rax,%rbx
lzcnt %eax,%ebx
tzcnt %ax,%bx
cmpxchg8b (%rdi)
cmpxchg16b (%rdi)
lock cmpxchg16b (%rdi)
lock xaddl %eax,(%rbx)
lock; incl (%rax)
lock incl (%rax)
rep movsq
repe cmpsb
repne scasb
repz cmpsb
repnz scasb
rep; stosb
rep ret
movsb
movsw
movsl
movsq
movsb (%rsi),(%rdi)
movsl %ds:(%rsi),%es:(%rdi)
movsb %gs:(%rsi),%es:(%rdi)
movsb (%esi),(%edi)
stosb %al,(%rdi)
stosq
lodsb (%rsi),%al
lodsl
scasb
cmpsb
cmpsq
insb
insl
outsb
outsl
xlat
xlatb
cbtw
cwtl
cltq
cwtd
cltd
cqto
cwde
cdqe
movzx %al,%eax
movzbl %al,%eax
movzbw %al,%ax
movzbq %al,%rax
movzwl %ax,%eax
movzwq (%rax),%rax
movsbl (%rax),%eax
movswq %ax,%rax
movslq %eax,%rax
movsx %al,%rax
movsx %ax,%eax
movzb (%rax),%eax
movsxd %eax,%rax
seta %al
sete (%rax)
setnz %bl
cmovne %eax,%ebx
cmovaq (%rax),%rbx
cmovz %rax,%rbx
in $0x60,%al
in %dx,%eax
in (%dx),%al
out %al,%dx
out %eax,(%dx)
out %al,$0x80
outb %al,$0x80
int $0x80
int3
int $3
into_not=0
iret
iretq
iretl
iretw
lret
lretq
lretl
lret $8
ret
retq
ret $16
sysret
sysretl
sysretq
sysexit
sysexitq
sysenter
syscall
swapgs
hlt
cli
sti
clc
stc
cmc
cld
std
lahf
sahf
pushf
pushfq
popf
popfq
pushfw
clts
wrmsr
rdmsr
rdtsc
rdtscp
rdpmc
cpuid
invd
wbinvd
invlpg (%rax)
invpcid (%rax),%rbx
monitor
mwait
pause
lfence
mfence
sfence
clflush (%rax)
clflushopt (%rax)
prefetcht0 (%rax)
prefetchw (%rax)
ud2
ud1 %eax,%ebx
endbr64
endbr32
verw (%rax)
verw %ax
verr %ax
lar %eax,%ebx
lsl %ax,%bx
lldt %ax
ltr %ax
ltr (%rax)
str %ax
sldt %ax
smsw %ax
lmsw %ax
lgdt (%rax)
lidt sym(%rip)
sgdt (%rax)
sidt (%rax)
mov %cr0,%rax
mov %rax,%cr8
mov %dr7,%rax
mov %rax,%dr0
mov %es,%eax
mov %eax,%es
mov %ax,%fs
movw %ax,%gs
movl %eax,%ds
movw %ds,(%rax)
movq %rax,%ds
rdfsbase %rax
wrgsbase %rax
rdgsbase %eax
xgetbv
xsetbv
xsave (%rax)
xsave64 (%rax)
xrstor (%rax)
fxsave (%rax)
fxsave64 (%rax)
fxrstorq (%rax)
clac
stac
rdrand %rax
rdseed %eax
rdpid %rax
ljmp *(%rax)
rex.w ljmp *(%rax)
rex64 ljmp *(%rax)
lcall *sym(%rip)
enter $8,$1
leave
leaveq
bswap %rax
bswap %r8d
xadd %rax,(%rbx)
movbe (%rax),%ebx
movnti %rax,(%rbx)
crc32b %al,%eax
crc32q %rax,%rbx
crc32l (%rax),%ebx
adc $0,%rax
sbb %eax,%eax
adcx %eax,%ebx
mulx %rax,%rbx,%rcx
andn %rax,%rbx,%rcx
rorx $3,%rax,%rbx
bextr %eax,%ebx,%ecx
notrack jmp *%rax
bnd jmp sym
data16 lea sym(%rip),%rdi
cs nop
ds ; nop
rex.w nop
rex nop
rex.wrxb nop
fs
gs movq %rax,(%rbx)
fld1
fldz
flds (%rax)
fldl (%rax)
fldt (%rax)
fld %st(1)
fsts (%rax)
fstpl (%rax)
fstpt (%rax)
fstp %st(0)
fstp %st
fadd %st(1),%st
fadd %st,%st(1)
fadd %st(1)
fadds (%rax)
faddl (%rax)
faddp
faddp %st,%st(2)
faddp %st(2)
fsub %st,%st(1)
fsub %st(1),%st
fsubp
fsubrp %st,%st(1)
fdivp
fdivr %st(3),%st
fmul %st(2)
fild (%rax)
filds (%rax)
fildl (%rax)
fildq (%rax)
fildll (%rax)
fistpl (%rax)
fistpll (%rax)
fisttpl (%rax)
fxch
fxch %st(2)
fucomi %st(1),%st
fucomip %st(1),%st
fcomi %st(1)
fucompp
fchs
fabs
fsqrt
fninit
finit
fnstsw %ax
fstsw %ax
fnstcw (%rax)
fstcw (%rax)
fldcw (%rax)
fnclex
fwait
wait
fnsave (%rax)
frstor (%rax)
fldenv (%rax)
fnstenv (%rax)
emms
movd %eax,%xmm0
movd %xmm0,%eax
movd %rax,%xmm0
movq %rax,%xmm0
movq %xmm0,%rax
movq (%rax),%xmm1
movq %xmm1,(%rax)
movq %xmm1,%xmm2
movq %mm1,%mm2
movd %eax,%mm0
movq %rax,%mm0
movss (%rax),%xmm0
movss %xmm0,%xmm1
movsd %xmm0,(%rax)
movsd (%rax),%xmm0
movaps %xmm0,%xmm1
movaps %xmm8,%xmm1
movups (%rax),%xmm15
movdqa %xmm0,16(%rsp)
movdqu sym(%rip),%xmm3
movhps %xmm0,(%rax)
movlhps %xmm0,%xmm1
cvtsi2sd %eax,%xmm0
cvtsi2sdl (%rax),%xmm0
cvtsi2sdq %rax,%xmm0
cvtsi2ss %rax,%xmm0
cvttsd2si %xmm0,%eax
cvttsd2si %xmm0,%rax
cvttsd2siq %xmm0,%rax
cvtss2sd %xmm0,%xmm1
addsd sym(%rip),%xmm0
pxor %xmm0,%xmm0
xorps %xmm1,%xmm1
pshufd $0xe4,%xmm0,%xmm1
shufps $0,%xmm0,%xmm0
psrldq $8,%xmm0
pslld $3,%xmm1
pinsrw $1,%eax,%xmm0
pextrw $1,%xmm0,%eax
pmovmskb %xmm0,%eax
cmpeqsd %xmm0,%xmm1
cmpltps (%rax),%xmm1
cmpsd $3,%xmm0,%xmm1
comisd %xmm0,%xmm1
ucomiss (%rax),%xmm1
sqrtsd %xmm0,%xmm0
maxps %xmm1,%xmm2
pcmpeqb %xmm0,%xmm1
pcmpistri $0x1a,(%rax),%xmm0
aesenc %xmm0,%xmm1
pclmulqdq $0,%xmm0,%xmm1
ldmxcsr (%rax)
stmxcsr -4(%rsp)
blendvps %xmm0,%xmm1,%xmm2
vzeroupper
vmovaps %ymm0,%ymm1
vaddps %ymm8,%ymm1,%ymm2
vaddps %ymm1,%ymm8,%ymm2
vpxor %xmm0,%xmm0,%xmm0
vmovd %eax,%xmm0
vmovq %rax,%xmm0
vextracti128 $1,%ymm0,%xmm1
vpbroadcastd %xmm0,%ymm0
vfmadd213sd %xmm0,%xmm1,%xmm2
add %ax,%bx
add %ah,%bh
add $1,%ah
add $200,%al
add $-56,%al
add $0xff,%bl
sub $128,%eax
sub $-128,%eax
sub $-128,%rax
and $0xfffffff0,%eax
and $~15,%rsp
and $-16,%rsp
or $0xffffffff,%eax
cmp $0xffff,%ax
cmpw $-1,(%rax)
cmpb $0,sym(%rip)
add sym(%rip),%al
inc %rax
incl (%rax)
decq 8(%rax)
incb %al
inc %r15
movl %eax,%eax
mov %spl,%al
mov %r8b,%dil
movb %ah,%cl
mov %r8w,%ax
mov $5,%r8d
mov $5,%r8b
mov $0xffffffff,%eax
mov $-1,%eax
mov $0xffff,%ax
movq %rsp,%rbp
lea (%rax,%rax,2),%ecx
lea 4(%ebx),%rax
lea sym,%rax
leaq -8(,%rcx,8),%rdx
loop .
jrcxz .
vmcall
vmlaunch
vmread %rax,%rbx
vmwrite (%rax),%rbx
vmptrld (%rax)
invept (%rax),%rbx
getsec
rsm
int1
salc_no = 0
encls
xabort $3
xend
xtest
clzero
wbnoinvd
umwait %eax
tpause %eax
umonitor %rax
movdir64b (%rax),%rbx
serialize
ptwrite %rax
sha1msg1 %xmm0,%xmm1
sha256rnds2 %xmm0,%xmm1,%xmm2
incsspq %rax
rdsspq %rax
setssbsy
wrssq %rax,(%rbx)
call *sym@GOTPCREL(%rip)
mov sym@GOTPCREL(%rip),%rax
mov sym@GOTPCREL(%rip),%eax
add sym@GOTPCREL(%rip),%r9
jmp *sym@GOTPCREL(%rip)
lea sym@GOTPCREL(%rip),%rax
call sym@PLT
