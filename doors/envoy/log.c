#include "log.h"

void log_pieces(enum abi_level level, const struct str *piece, size_t n)
{
    char line[512];
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        size_t room = sizeof(line) - len;
        size_t take = piece[i].len < room ? piece[i].len : room;
        memcpy(line + len, piece[i].data, take);
        len += take;
    }
    abi_log(level, line, len);
}
