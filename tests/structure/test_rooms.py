"""The tree keeps its order. Each check is first shown a bad tree, so that it can fail."""

import subprocess

import pytest
import tree


def make(root, files):
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def make_tracked(root, files):
    make(root, files)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "-A", "-f"], cwd=root, check=True)
    return root


def test_rooms_include_only_rooms_above_them():
    assert tree.check_includes(tree.ROOT) == []


@pytest.mark.parametrize("name, line, complaint", [
    ("src/ip/x.c", '#include "sys/clock.h"', "lies in a room below ip"),
    ("src/http/x.h", '#  include "server/server.h"', "lies in a room below http"),
    ("src/decide/x.c", "#include <stdlib.h>", "is not for pure code"),
    ("src/decide/x.c", "#include <unistd.h>", "is not for pure code"),
    ("src/io/x.c", '#include "clock.h"', "is no header of a room"),
    ("src/io/x.c", '#include "sys/gone.h"', "is no header of a room"),
    ("src/io/x.c", "#include <archeio/gone.h>", "is no public header"),
    ("include/archeio/x.h", '#include "sys/clock.h"', "no public header may need it"),
    ("include/archeio/x.h", "#include <stdio.h>", "is not for pure code"),
])
def test_a_wrong_include_is_found(tmp_path, name, line, complaint):
    root = make(tmp_path, {"src/sys/clock.h": "", "src/server/server.h": "",
                           "include/archeio/str.h": "", name: line + "\n"})
    wrong = tree.check_includes(root)
    assert len(wrong) == 1 and wrong[0].startswith(name) and complaint in wrong[0]


def test_right_includes_are_not_complained_of(tmp_path):
    root = make(tmp_path, {
        "src/sys/clock.h": "#include <stdint.h>\n",
        "src/io/x.c": '#include "sys/clock.h"\n#include <archeio/str.h>\n#include <sys/epoll.h>\n',
        "src/base/x.c": "#include <archeio/str.h>\n#include <string.h>\n",
        "include/archeio/str.h": "#include <stddef.h>\n"})
    assert tree.check_includes(root) == []


def test_every_source_is_built():
    assert tree.check_built(tree.ROOT) == []


def test_a_source_that_is_not_built_is_found(tmp_path):
    root = make(tmp_path, {"src/io/a.c": "", "src/io/b.c": "", "src/attic/c.c": "",
                           "src/io/meson.build": "io_sources = files('a.c')"})
    assert tree.check_built(root) == ["src/attic: is no room", "src/io/b.c: is not built"]


def test_no_c_file_is_long():
    assert tree.check_length(tree.ROOT) == []


def test_a_long_file_is_found(tmp_path):
    root = make_tracked(tmp_path, {"src/io/a.c": "\n" * 600, "src/io/b.c": "\n" * 599})
    assert tree.check_length(root) == ["src/io/a.c: 600 lines, split it"]


def test_no_forbidden_words():
    assert tree.check_words(tree.ROOT) == []


@pytest.mark.parametrize("word", ["/wo" "rk/main", "/ho" "me/me/src", "pyp" "i.org", "TO" "DO",
                                  "FIX" "ME", "not imple" "mented"])
def test_a_forbidden_word_is_found(tmp_path, word):
    root = make_tracked(tmp_path, {"docs/a.md": f"one\ntwo {word}\n"})
    wrong = tree.check_words(root)
    assert len(wrong) == 1 and wrong[0].startswith("docs/a.md:2: ")


def test_types_and_constants_bear_their_headers_name():
    assert tree.check_declared(tree.ROOT) == []


def test_a_foreign_type_or_constant_is_found(tmp_path):
    root = make(tmp_path, {"src/io/loop.h": (
        "/* enum never { NEVER }; */\n"
        "struct loop {\n    int x;\n};\nstruct other {\n    int x;\n};\n"
        "enum loop_state { LOOP_OPEN, CLOSED = 2 };\n"
        "enum {\n    LOOP_MAX = 1 << 3, /* all */\n    WRONG,\n};\n")})
    assert tree.check_declared(root) == [
        "src/io/loop.h: defines other", "src/io/loop.h: defines CLOSED",
        "src/io/loop.h: defines WRONG"]
