# For people: every target sets up what it needs. The build itself is meson's.

all:
	@test -f build/build.ninja || meson setup build
	@ninja -C build

.PHONY: all
