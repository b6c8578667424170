# common.sh - what ./run and ./check share: packages, and the build. Sourced; $here is the folder of the sources.
#
# shellcheck shell=sh disable=SC2154

say() {
	printf '%s: %s\n' "$program" "$*"
}

die() {
	printf '%s: %s\n' "$program" "$*" >&2
	exit 1
}

# needed NEED...: the packages for these needs.
needed() {
	for need; do
		sed -n "s/^$need //p" "$here/scripts/packages"
	done
}

# missing PACKAGE...: those that are not installed. Without dpkg we cannot know, and ./configure will say it.
missing() {
	command -v dpkg-query >/dev/null || return 0
	installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^.i *//p')
	for package; do
		printf '%s\n' "$installed" | grep -Fqx -e "$package" || printf '%s\n' "$package"
	done
}

# Debian starts what it installs. Here nothing is wanted but the programs, so nothing is to be started (policy-rc.d) or enabled.
without_services() {
	policy=/usr/sbin/policy-rc.d
	if [ -e "$policy" ]; then
		"$@"
		return
	fi
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
	trap 'exit 130' INT TERM HUP
	"$@"
	without_status=$?
	rm -f "$policy"
	trap - EXIT INT TERM HUP
	return "$without_status"
}

apt_get() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

has_lists() {
	ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1
}

# The lists of a fresh machine are empty, those of an old one name what is no longer there: then they are fetched, once.
install_packages() {
	if ! has_lists; then
		apt_get update || return
	elif without_services apt_get install -y --no-install-recommends "$@"; then
		return 0
	else
		apt_get update || return
	fi
	without_services apt_get install -y --no-install-recommends "$@"
}

# provide NEED...: all packages for these needs are there afterwards, or the program ends with the command that brings them.
provide() {
	# shellcheck disable=SC2046
	lacking=$(missing $(needed "$@") | tr '\n' ' ')
	lacking=${lacking% }
	[ -n "$lacking" ] || return 0
	if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
		echo "$program: packages are missing. This brings them:" >&2
		echo "    $(has_lists || echo 'sudo apt-get update && ')sudo apt-get install --no-install-recommends $lacking" >&2
		exit 1
	fi
	say "installing $lacking"
	# shellcheck disable=SC2086
	install_packages $lacking || die "apt-get could not install: $lacking"
	for service in lighttpd apache2 nginx; do
		case " $lacking " in
		*" $service"*) [ ! -d /run/systemd/system ] || systemctl --quiet disable "$service.service" ;;
		esac
	done
}

# generate: makes ./configure, unless it is there; make keeps it up to date afterwards.
generate() {
	if [ ! -e "$here/configure" ] || [ ! -e "$here/Makefile.in" ] || [ ! -e "$here/build-aux/ltmain.sh" ]; then
		say "making ./configure"
		(cd "$here" && autoreconf -i) || die "autoreconf -i failed"
	fi
}

# configure_in FOLDER [SWITCH...]
configure_in() {
	folder=$1
	shift
	generate
	mkdir -p "$folder" || die "cannot make the folder $folder"
	say "configuring $folder${*:+ with $*}"
	if ! (cd "$folder" && "$here/configure" -q "$@" >configure.out 2>&1); then
		cat "$folder/configure.out" >&2
		die "configure failed in $folder"
	fi
}

# make_in FOLDER: silent when there is nothing to do.
make_in() {
	make -C "$1" -q -s >/dev/null 2>&1 || make -C "$1" --no-print-directory -j"$(processors)"
}

processors() {
	nproc 2>/dev/null || echo 2
}

# alive PID: it is there, and more than a zombie that nobody has asked about.
alive() {
	read -r alive_stat 2>/dev/null <"/proc/$1/stat" || return 1
	case ${alive_stat##*) } in
	[ZX]*) return 1 ;;
	esac
}
