/* CRC-32, bit by bit: shifts, masks and a dependent chain. */
#include "program.h"

u32 work(void)
{
    u32 crc = ~0u;
    for (u32 i = 0; i < 60000000; i++) {
        crc ^= i & 0xff;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xedb88320 & -(crc & 1));
    }
    return ~crc;
}
