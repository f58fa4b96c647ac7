.text
a: nop
b: nop; nop
.set x, 5
x2 = x*3+1
y = b - a
.long x, x2, y, 1+2*3, 2+3&1, 1|2+4, -1>>60, 7/2, -7/2, -7%3, 1<<4-1, ~0, !0, !5, 3==3, 3!=3, 2<3, 2>3, 2>=3, 1&&2, 0||0
.quad 0x8000000000000000, -1, 0xffffffffffffffff, 'a', '\n, 'b', 1 << 63
.byte 'a, 'b', '\\, '"'
.word 0b1010, 017, 0x1F
.long b-a, . - a, .-b+1
.set x, 6
.long x
.set x, x+1
.long x
z = 10
z = z + 1
.byte z
add $x, %eax
add $y, %rax
add $fwd, %rax
fwd = 3
mov $b-a, %ecx
push $y
.quad later - a
later:
.long later-fwdlab
.skip 100
fwdlab:
.long (b-a)*4, (fwdlab-later)/4
.if fwdlab - later == 104
.ascii "yes"
.else
.ascii "no"
.endif
.octa 1, -1, 0x123456789abcdef0123456789abcdef, 0xffffffffffffffff
.uleb128 300, 0, 127, 128
.sleb128 -1, 63, 64, -64, -65
.uleb128 fwdlab - later
.equ e1, 4
.equiv e2, 5
.long e1+e2

