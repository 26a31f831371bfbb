#include "cli/geranos.h"

int main(int argc, char **argv)
{
    return geranos_main(argc, argv);
}
