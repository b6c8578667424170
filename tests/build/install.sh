#!/bin/sh
# The distribution builds out of its tree, from sources that it may not write to; what it installs is complete, works, and goes away again.

. "$SESAME_SOURCE/tests/tap.sh"

work=$(mktemp -d) || bail_out "no temporary folder"
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR
root=$work/root
version=$(sed -n 's/^#define SESAME_VERSION "\(.*\)"/\1/p' "$SESAME_SOURCE/lib/sesame.h")
distribution=$work/sesame-$version

# shell FOLDER COMMAND...: runs it there.
in_folder() {
	cd "$1" && shift && "$@"
}

ok "the distribution is made" make -C "$SESAME_BUILD" -s distdir "distdir=$distribution" || tap_done
if [ -e "$SESAME_SOURCE/.git" ] && command -v git >/dev/null; then
	lacking=$(in_folder "$SESAME_SOURCE" git -c safe.directory="$SESAME_SOURCE" ls-files | while read -r file; do
		[ -e "$distribution/$file" ] || [ ! -e "$SESAME_SOURCE/$file" ] || echo "$file"
	done | grep -vx '.gitignore')
	is "$lacking" "" "every file of the sources is in it"
fi
ok "./run is among it, and works" "$distribution/run" --help

chmod -R a-w "$distribution"
mkdir "$work/shared"
ok "it can be configured from outside" in_folder "$work/shared" "$distribution/configure" -q --prefix=/usr --localstatedir=/var \
	--disable-static
ok "it builds" make -C "$work/shared" -s -j2
ok "it installs" make -C "$work/shared" -s install DESTDIR="$root"
for file in include/sesame.h include/sesame-fcgi.h lib/libsesame.so.0 lib/libsesame-fcgi.so.0 lib/pkgconfig/sesame.pc \
	lib/pkgconfig/sesame-fcgi.pc libexec/sesame/cgi-bin/session_test libexec/sesame/cgi-bin/login_test \
	libexec/sesame/deploy/supervise share/man/man3/sesame.3 share/man/man3/sess_commit.3 \
	share/man/man3/sess_add.3 share/man/man3/http_puts.3 \
	share/man/man5/sesame.conf.5 share/man/man8/session_test.8 share/man/man8/login_test.8 share/man/man8/sesamectl.8 sbin/sesamectl \
	share/bash-completion/completions/sesamectl share/sesame/deploy/lighttpd/sesame.conf \
	share/sesame/deploy/lighttpd/lighttpd.conf share/doc/sesame/README.md; do
	ok "/usr/$file is there" test -e "$root/usr/$file"
done
for library in libsesame libsesame-fcgi; do
	is "$(readelf -d "$root/usr/lib/$library.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" "$library.so.0" "$library has its soname"
done
like "$(MANPATH=$root/usr/share/man mandoc -l "$root/usr/share/man/man3/sess_commit.3" | head -1)" 'SESS_COMMIT' "a page reads"
is "$(cat "$root/usr/share/man/man3/sess_add.3")" ".so man3/sess_set.3" "a function without a page of its own leads to one"
ok "the shared library is what its header says" env SESAME_BUILD="$work/shared" sh "$SESAME_SOURCE/tests/lib/interface.sh"

# The program in README.md.
sed -n '/^    #include <inttypes.h>/,/^    int main/s/^    //p' "$SESAME_SOURCE/README.md" >"$work/visits.c"
PKG_CONFIG_SYSROOT_DIR=$root
PKG_CONFIG_PATH=$root/usr/lib/pkgconfig
export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH
# shellcheck disable=SC2046,SC2086
ok "the program in README.md compiles against it" ${CC:-cc} "$work/visits.c" $(pkg-config --cflags --libs sesame-fcgi sesame) \
	-Wl,-rpath,"$root/usr/lib" -Wl,-rpath-link,"$root/usr/lib" -o "$work/visits"

# visits PROGRAM COOKIE: what it answers as plain CGI, its libraries being the installed ones.
visits() {
	env -i REQUEST_METHOD=GET PATH_INFO=/ STATE_DIRECTORY="$work/state" SERVER_PROTOCOL=HTTP/1.1 HTTP_COOKIE="$2" \
		LD_LIBRARY_PATH="$root/usr/lib" "$1" </dev/null
}
mkdir -m 0700 "$work/state"
answer=$(visits "$work/visits" '')
like "$answer" '^Visit 1' "it runs"
cookie=$(printf '%s\n' "$answer" | sed -n 's/^Set-Cookie: *\(jp_token=[^;]*\).*/\1/Ip')
like "$(visits "$work/visits" "$cookie")" '^Visit 2' "and has a session"
like "$(visits "$root/usr/libexec/sesame/cgi-bin/session_test" "$cookie" 2>&1)" 'Number of visits: 3' "so has the installed program"

ok "it goes away again" make -C "$work/shared" -s uninstall DESTDIR="$root"
is "$(find "$root" ! -type d)" "" "and leaves nothing"
ok "the build can be cleaned" make -C "$work/shared" -s distclean
is "$(find "$work/shared" ! -type d)" "" "and leaves nothing either"

# Without shared libraries: from the build that is being tested.
static=$work/static
ok "static libraries install" make -C "$SESAME_BUILD" -s install DESTDIR="$static"
prefix=$static$(sed -n 's/^prefix = //p' "$SESAME_BUILD/Makefile")
PKG_CONFIG_SYSROOT_DIR=$static
PKG_CONFIG_PATH=$prefix/lib/pkgconfig
# shellcheck disable=SC2046,SC2086
ok "the program links with them" ${CC:-cc} "$work/visits.c" -I"$prefix/include" "$prefix/lib/libsesame-fcgi.a" "$prefix/lib/libsesame.a" \
	$(sed -n 's/^Libs.private: //p' "$PKG_CONFIG_PATH/sesame-fcgi.pc" "$PKG_CONFIG_PATH/sesame.pc") -o "$work/visits"
like "$(visits "$work/visits" "$cookie")" '^Visit 4' "and runs, on the same session"
tap_done
