# Every length of padding, in 64-bit and in 32-bit code.
	.text
.macro pad n
	.balign 256
	.fill 256 - \n, 1, 0xcc
	.balign 256
.endm
.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 21, 22, 23, 33, 76, 77, 78, 87, 88, 100, 129, 130, 131, 200, 255
	pad \n
.endr
	.code32
.irp n, 1, 2, 7, 11, 15, 87, 88, 140
	pad \n
.endr
