# sources.sh - the sources as others get them. Sourced by the tests that build in a place of their own.
#
# shellcheck shell=sh

# copy_sources FOLDER: makes it, and puts a clean clone there or, where there is no git, what a distribution holds.
copy_sources() {
	mkdir "$1" || return
	if [ -e "$SESAME_SOURCE/.git" ] && command -v git >/dev/null; then
		git -c safe.directory="$SESAME_SOURCE" -C "$SESAME_SOURCE" ls-files |
			tar -C "$SESAME_SOURCE" --ignore-failed-read -cf - -T - 2>/dev/null | tar -C "$1" -xf -
	else
		make -C "$SESAME_BUILD" -s distdir "distdir=$1"
	fi
}
