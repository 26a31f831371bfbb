"""What compilers and nm say about the tree: the pure core needs nothing but bytes and strings, and
compiles for wasm32; headers stand for themselves; files export their own names only."""

from pathlib import Path

import compiler
import pytest
import tree

# Without what a compiler adds by itself, and without assertions, which end the program.
BARE = ["-O2", "-DNDEBUG", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-fno-sanitize=all",
        "-fno-builtin-bcmp"]
ALLOWED = {"memchr", "memcmp", "memcpy", "memmove", "memrchr", "memset", "strchr", "strcmp", "strlen",
           "strncmp", "strnlen", "strrchr", "_GLOBAL_OFFSET_TABLE_"}


@pytest.fixture(scope="session")
def objects(tmp_path_factory):
    """{source: object} of everything, exports not hidden by anything."""
    return compiler.compile_all("gcc", tree.sources(tree.ROOT, ends=(".c",)),
                                tmp_path_factory.mktemp("objects"), ["-O0"])


def undefined(objects, directory):
    whole = Path(directory) / "whole.o"
    compiler.run([compiler.find("ld"), "-r", "-o", whole, *objects])
    return compiler.symbols(whole, "-u") - ALLOWED


@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_the_pure_core_calls_nothing_but_mem_and_str(name, tmp_path):
    core = compiler.compile_all(name, tree.sources(tree.ROOT, tree.PURE, (".c",)), tmp_path, BARE)
    assert undefined(core.values(), tmp_path) == set()


@pytest.mark.parametrize("call", ["malloc(1)", "time(0)", "write(1, s, 1)", "strdup(s)"])
def test_a_call_from_pure_code_to_the_world_is_found(call, tmp_path):
    file = tmp_path / "bad.c"
    file.write_text("#include <stdlib.h>\n#include <string.h>\n#include <time.h>\n"
                    "#include <unistd.h>\n"
                    f"long bad(const char *s) {{ return (long)memchr(s, 0, 9) + (long){call}; }}\n")
    target = tmp_path / "bad.o"
    compiler.run([compiler.find("gcc"), *BARE, "-c", file, "-o", target])
    found = undefined([target], tmp_path)
    assert found == {call.split("(")[0]}


def test_the_pure_core_compiles_for_wasm32(tmp_path):
    """With wasi-libc's headers, and one header of the host: xxhash.h, which is self-contained."""
    wasi = Path("/usr/include/wasm32-wasi")
    assert wasi.is_dir(), "wasi-libc is not installed: scripts/install-packages test"
    alone = tmp_path / "include"
    alone.mkdir()
    (alone / "xxhash.h").symlink_to("/usr/include/xxhash.h")
    flags = ["--target=wasm32-wasi", "-O2", "-DNDEBUG", "-nostdlibinc", "-isystem", alone,
             "-isystem", wasi]
    core = compiler.compile_all("clang", tree.sources(tree.ROOT, tree.PURE, (".c",)), tmp_path,
                                flags)
    assert core and all(o.read_bytes()[:4] == b"\0asm" for o in core.values())


def test_the_filter_for_envoy_exports_only_names_that_begin_with_their_files(tmp_path):
    """Compiled for this machine, but for what only WebAssembly has."""
    files = [f for f in tree.envoy(tree.ROOT, (".c",)) if f.name != "pages.c"]
    made = compiler.compile_all("gcc", files, tmp_path, ["-O0", f"-I{tree.ROOT}/doors/envoy"])
    exported = {str(f.relative_to(tree.ROOT)): compiler.symbols(o, "-g", "--defined-only")
                for f, o in made.items()}
    assert len(exported) >= 10
    assert tree.check_exports(exported) == []


@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_every_header_compiles_alone(name, tmp_path):
    def alone(header):
        file = tmp_path / (str(header.relative_to(tree.ROOT)).replace("/", "_") + ".c")
        # Twice: it must guard itself.
        file.write_text(f'#include "{header}"\n#include "{header}"\nextern int unused;\n')
        compiler.run([compiler.find(name), *compiler.FLAGS, f"-I{tree.ROOT}/doors/envoy",
                      "-fsyntax-only", file])

    headers = tree.public_headers(tree.ROOT) + tree.sources(tree.ROOT, ends=(".h",))
    headers += tree.envoy(tree.ROOT, (".h",))
    compiler.parallel(alone, headers)


def test_files_export_only_names_that_begin_with_their_own(objects):
    exported = {str(f.relative_to(tree.ROOT)): compiler.symbols(o, "-g", "--defined-only")
                for f, o in objects.items()}
    assert sum(map(len, exported.values())) > 100
    assert tree.check_exports(exported) == []


def test_a_foreign_export_is_found():
    assert tree.check_exports({"src/ip/lpm.c": {"lpm", "lpm_open", "lpmx", "find"}}) == [
        "src/ip/lpm.c: exports find", "src/ip/lpm.c: exports lpmx"]
