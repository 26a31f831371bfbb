#include "ranges/compile.h"

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/filter.h"
#include <getopt.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: archeio compile [--wasm] [--config FILE] --output FILE\n"
    "\n"
    "Writes a snapshot: one file with the policy of the configuration, the\n"
    "ranges, and what routes need of the files of autonomous systems.\n"
    "`archeio serve --snapshot` starts faster from it, and the module for nginx\n"
    "decides by it (archeio_snapshot). Nothing is written if anything in them\n"
    "is wrong.\n"
    "\n"
    "  -w, --wasm          write the filter for Envoy, with the snapshot in it,\n"
    "                      and print its SHA-256\n"
    "  -c, --config FILE   the configuration (default: what ARCHEIO_CONFIG\n"
    "                      names; else the built-in one)\n"
    "  -o, --output FILE   the snapshot; one that is there is replaced in one\n"
    "                      step\n"
    "  -h, --help          this text\n";

struct task {
    const char *file;   /* the configuration; NULL: none */
    const char *output; /* NULL: not said */
    bool wasm;
};

static bool build(const char *file, struct compile_image *image, struct diag *d)
{
    struct config *c = config_load(file, environ, d);
    if (c == NULL)
        return false;
    bool built = compile_strictly(c, image, d);
    config_free(c);
    return built;
}

/* Envoy wants to know the hash of what it fetches. */
static void print_hash(const struct compile_image *file)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(file->data, file->size, hash, &size, EVP_sha256(), NULL) != 1)
        return;
    printf("sha256: ");
    for (unsigned i = 0; i < size; i++)
        printf("%02x", hash[i]);
    printf("\n");
}

static void print(const struct task *task, const struct snapshot *s,
                  const struct compile_image *file)
{
    const uint32_t n = lpm_count(&s->table, ADDR_V4) + lpm_count(&s->table, ADDR_V6);
    printf("%s: %u store%s, %u network%s, %u prefix%s, %zu bytes\n", task->output, s->n_stores,
           s->n_stores == 1 ? "" : "s", s->n_networks, s->n_networks == 1 ? "" : "s", n,
           n == 1 ? "" : "es", file->size);
    if (task->wasm)
        print_hash(file);
}

static bool write_filter(const struct task *task, const struct compile_image *image, struct diag *d)
{
    struct str module = filter_module();
    struct compile_image file;
    if (module.len == 0) {
        diag_error(d, (struct diag_at){"", 0, 0},
                   "this archeio was built without the filter for Envoy: install clang, lld and "
                   "wasi-libc (scripts/install-packages envoy), then build it anew (make)");
        return false;
    }
    bool written = compile_insert(image, module, &file, d) && compile_write(&file, task->output, d);
    if (written)
        print(task, &image->snapshot, &file);
    compile_release(&file);
    return written;
}

static bool write_snapshot(const struct task *task, const struct compile_image *image,
                           struct diag *d)
{
    bool written = compile_write(image, task->output, d);
    if (written)
        print(task, &image->snapshot, image);
    return written;
}

static int compile(const struct task *task)
{
    struct diag d = {0};
    struct compile_image image = {.data = NULL};
    bool written = build(task->file, &image, &d) &&
                   (task->wasm ? write_filter : write_snapshot)(task, &image, &d);
    diag_print(&d, stderr);
    diag_clear(&d);
    compile_release(&image);
    return written && fflush(stdout) == 0 ? 0 : 1;
}

int compile_main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"wasm", no_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct task task = {.file = getenv("ARCHEIO_CONFIG")};
    int c;
    optind = 0;
    while ((c = getopt_long(argc, argv, "c:o:wh", options, NULL)) != -1) {
        if (c == 'c') {
            task.file = optarg;
        } else if (c == 'o') {
            task.output = optarg;
        } else if (c == 'w') {
            task.wasm = true;
        } else {
            return cli_help(argv[0], usage, c);
        }
    }
    if (optind < argc)
        return cli_misuse(argv[0], CLI_NO_ARGUMENT, argv[optind]);
    if (task.output == NULL)
        return cli_misuse(argv[0], "--output is missing");
    return compile(&task);
}
